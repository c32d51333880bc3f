package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
	"portico.internal/platform/web"
)

// read parses a config as clients write it.
func configOf(t testing.TB, text string) configIn {
	t.Helper()
	var in configIn
	require.NoError(t, json.Unmarshal([]byte(text), &in))
	return in
}

func TestConfigIsChecked(t *testing.T) {
	const (
		s3    = `"bucket":"files","region":"eu-central-1","access_key_id":"AKIA","secret_access_key":"topsecret"`
		azure = `"account":"account","container":"files","account_key":"dG9wc2VjcmV0"`
	)
	b := parser(t)
	for _, c := range []struct {
		kind, config string
		fields       []string // that are wrong
	}{
		{kindS3, s3, nil},
		{kindS3, s3 + `,"endpoint":null,"prefix":null,"force_path_style":null`, nil},
		{kindS3, s3 + `,"prefix":"a/b"`, nil},
		{kindS3, s3 + `,"unknown":1`, nil},
		{kindS3, ``, []string{"bucket", "region", "access_key_id", "secret_access_key"}},
		{kindS3, s3 + `,"bucket":"a"`, []string{"bucket"}},
		{kindS3, s3 + `,"bucket":"a..b"`, []string{"bucket"}},
		{kindS3, s3 + `,"bucket":"a/b/c"`, []string{"bucket"}},
		{kindS3, s3 + `,"bucket":""`, []string{"bucket"}},
		{kindS3, s3 + `,"bucket":null`, []string{"bucket"}},
		{kindS3, s3 + `,"region":"eu central"`, []string{"region"}},
		{kindS3, s3 + `,"access_key_id":"a b"`, []string{"access_key_id"}},
		{kindS3, s3 + `,"secret_access_key":"top secret"`, []string{"secret_access_key"}},
		{kindS3, s3 + `,"endpoint":"ftp://host"`, []string{"endpoint"}},
		{kindS3, s3 + `,"endpoint":"minio:9000"`, []string{"endpoint"}},
		{kindS3, s3 + `,"endpoint":"http://user:pass@host"`, []string{"endpoint"}},
		{kindS3, s3 + `,"endpoint":"http://host?x=1"`, []string{"endpoint"}},
		{kindS3, s3 + `,"prefix":"../up"`, []string{"prefix"}},
		{kindS3, s3 + `,"prefix":"a//b"`, []string{"prefix"}},
		{kindS3, s3 + `,"prefix":"` + strings.Repeat("p", 300) + `"`, []string{"prefix"}},
		{kindAzure, azure, nil},
		{kindAzure, ``, []string{"account", "container", "account_key"}},
		{kindAzure, azure + `,"account":"UPPER"`, []string{"account"}},
		{kindAzure, azure + `,"container":"a--b"`, []string{"container"}},
		{kindAzure, azure + `,"account_key":"no base64!"`, []string{"account_key"}},
		{kindLocal, ``, nil},
		{kindLocal, `"root":"elsewhere"`, nil},
		{kindLocal, `"root":"/srv/portico/objects"`, nil},
		{kindLocal, `"root":"/"`, []string{"root"}},
		{kindLocal, `"root":"."`, []string{"root"}},
		{kindLocal, `"root":""`, nil},
		{kindLocal, `"root":"objects/.."`, []string{"root"}},
		{kindLocal, `"root":".."`, []string{"root"}},
		{kindLocal, `"root":"` + filepath.Dir(b.dataDir) + `"`, []string{"root"}},
		{kindLocal, `"root":"` + b.dataDir + `"`, []string{"root"}},
		{kindLocal, `"root":"a\u0000b"`, []string{"root"}},
		{kindLocal, `"root":"a\nb"`, []string{"root"}},
	} {
		_, err := b.parse(c.kind, lenient(t, "{"+strings.TrimPrefix(c.config, ",")+"}"))
		if c.fields == nil {
			require.NoError(t, err, c.config)
			continue
		}
		var e *errs.Error
		require.ErrorAs(t, err, &e, c.config)
		require.Equal(t, errs.Invalid, e.Kind)
		var fields []string
		for _, issue := range e.Issues {
			require.Equal(t, []any{"body", "config"}, issue.Loc[:2])
			fields = append(fields, issue.Loc[2].(string))
			require.NotContains(t, fmt.Sprint(issue.Input), "secret")
		}
		require.Equal(t, c.fields, fields, c.config)
	}
	_, err := b.parse("gcs", configIn{})
	require.Equal(t, errs.Invalid, errs.KindOf(err))
}

// lenient takes the last of fields that are there twice, to keep the table short.
func lenient(t testing.TB, text string) configIn {
	t.Helper()
	in := configIn{}
	for line := range strings.SplitSeq(strings.Trim(text, "{}"), `,"`) {
		if line != "" {
			in = configOf(t, `{"`+strings.TrimPrefix(line, `"`)+`}`).over(in)
		}
	}
	return in
}

func TestSamePlaceHasOneFingerprint(t *testing.T) {
	b := parser(t)
	must := func(kind, config string) place {
		p, err := b.parse(kind, configOf(t, config))
		require.NoError(t, err)
		return p
	}
	s3 := func(endpoint, bucket, prefix string) place {
		return must(kindS3, `{"bucket":"`+bucket+`","region":"r","access_key_id":"k","secret_access_key":"s","endpoint":"`+endpoint+`","prefix":"`+prefix+`"}`)
	}
	require.NoError(t, os.Mkdir(filepath.Join(b.dataDir, "objects"), 0o700))
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(b.dataDir, link))
	for name, c := range map[string]struct {
		one, other     place
		same, overlaps bool
	}{
		"case, port, slash":     {s3("https://S3.Example.com:443/", "b-1", "/a/b/"), s3("https://s3.example.com", "b-1", "a/b"), true, true},
		"another port":          {s3("http://host:9000", "b-1", ""), s3("http://host:9001", "b-1", ""), false, false},
		"another bucket":        {s3("", "b-1", ""), s3("", "b-11", ""), false, false},
		"prefix inside":         {s3("", "b-1", ""), s3("", "b-1", "a"), false, true},
		"prefix outside":        {s3("", "b-1", "a/b"), s3("", "b-1", "a"), false, true},
		"prefixes side by side": {s3("", "b-1", "a"), s3("", "b-1", "ab"), false, false},
		"default root":          {must(kindLocal, `{}`), must(kindLocal, `{"root":"./objects/"}`), true, true},
		"absolute":              {must(kindLocal, `{}`), must(kindLocal, `{"root":"`+b.dataDir+`/objects"}`), true, true},
		"through a link":        {must(kindLocal, `{}`), must(kindLocal, `{"root":"`+link+`/objects"}`), true, true},
		"folder inside":         {must(kindLocal, `{}`), must(kindLocal, `{"root":"objects/more"}`), false, true},
		"folders side by side":  {must(kindLocal, `{"root":"/srv/a"}`), must(kindLocal, `{"root":"/srv/ab"}`), false, false},
		"folder and bucket":     {must(kindLocal, `{}`), s3("", "b-1", ""), false, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.same, c.one.same(c.other))
			require.Equal(t, c.overlaps, c.one.overlaps(c.other))
			require.Equal(t, c.overlaps, c.other.overlaps(c.one))
		})
	}
}

// A data directory that is moved takes its objects along.
func TestPlaceInTheDataDirectoryMovesWithIt(t *testing.T) {
	here, there := parser(t), parser(t)
	one, err := here.parse(kindLocal, configIn{})
	require.NoError(t, err)
	other, err := there.parse(kindLocal, configIn{})
	require.NoError(t, err)
	require.True(t, one.same(other))
	absolute, err := there.parse(kindLocal, configIn{Root: web.Some(one.spec.(*localSpec).path)})
	require.NoError(t, err)
	require.False(t, absolute.same(one), "that is a path and nothing else")
}

func TestConfigIsStoredWithoutItsSecret(t *testing.T) {
	b := parser(t)
	for kind, in := range map[string]string{
		kindS3:    `{"bucket":"files","region":"r","access_key_id":"k","secret_access_key":"topsecret","endpoint":"http://minio:9000"}`,
		kindAzure: `{"account":"account","container":"files","account_key":"dG9wc2VjcmV0"}`,
		kindLocal: `{"root":"elsewhere"}`,
	} {
		p, err := b.parse(kind, configOf(t, in))
		require.NoError(t, err)
		text, err := json.Marshal(p.spec)
		require.NoError(t, err)
		require.NotContains(t, string(text), "topsecret")
		require.NotContains(t, string(text), "dG9wc2VjcmV0")
		again := configOf(t, string(text))
		again.SecretAccessKey, again.AccountKey = web.Some("topsecret"), web.Some("dG9wc2VjcmV0")
		q, err := b.parse(kind, again)
		require.NoError(t, err)
		require.Equal(t, p, q, "what is stored is the same place again")
	}
}
