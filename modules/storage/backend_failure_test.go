package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
	"portico.internal/platform/testkit"
	"portico.internal/platform/web"
)

// tryS3 probes a bucket and returns what an admin is told, and the error.
func tryS3(t *testing.T, ctx context.Context, in configIn) (string, error) {
	t.Helper()
	p, err := parser(t).parse(kindS3, in)
	require.NoError(t, err)
	b, err := p.open()
	require.NoError(t, err)
	_, err = b.write(ctx, "name", "text/plain", strings.NewReader("content"))
	require.Error(t, err)
	return reason(err), err
}

// told fails the test where a text for admins says more than it should.
func requireDiscreet(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{"127.0.0.1", "localhost", "http", "PORTICOTEST", "portico-test", "AKIA", "169.254", ".invalid", "dial", "tcp", "RequestID", "<"} {
		require.NotContains(t, text, secret)
	}
}

func TestS3FailuresAreToldInWords(t *testing.T) {
	server := testkit.NewS3(t)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed.Close()
	// None of this is to be used.
	t.Setenv("AWS_ACCESS_KEY_ID", server.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", server.SecretAccessKey)
	t.Setenv("AWS_ENDPOINT_URL", server.Endpoint)
	t.Setenv("HTTP_PROXY", server.Endpoint)
	tls := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(tls.Close)

	for name, c := range map[string]struct {
		change func(*configIn)
		reason string
		passes bool
	}{
		"secret":      {func(in *configIn) { in.SecretAccessKey = web.Some("AKIAWRONG") }, refused, false},
		"key id":      {func(in *configIn) { in.AccessKeyID = web.Some("AKIAWRONG") }, refused, false},
		"bucket":      {func(in *configIn) { in.Bucket = web.Some("no-such-bucket") }, noBucket, false},
		"region":      {func(in *configIn) { in.Region = web.Some("us-west-2") }, wrongRegion, false},
		"closed port": {func(in *configIn) { in.Endpoint = web.Some("http://" + closed.Addr().String()) }, unreachable, true},
		"no host":     {func(in *configIn) { in.Endpoint = web.Some("http://storage.invalid") }, unreachable, true},
		"metadata":    {func(in *configIn) { in.Endpoint = web.Some("http://169.254.169.254") }, notAllowed, false},
		"in disguise": {func(in *configIn) { in.Endpoint = web.Some("http://[::ffff:169.254.169.254]") }, notAllowed, false},
		"no TLS": {func(in *configIn) {
			in.Endpoint = web.Some(strings.Replace(server.Endpoint, "http:", "https:", 1))
		}, noTLS, false},
		"certificate": {func(in *configIn) { in.Endpoint = web.Some(tls.URL) }, badCertify, false},
	} {
		t.Run(name, func(t *testing.T) {
			in := s3Config(server, "")
			c.change(&in)
			told, err := tryS3(t, t.Context(), in)
			require.Equal(t, c.reason, told, "%v", err)
			require.Equal(t, c.passes, passing(err), "%v", err)
			require.Equal(t, errs.Unavailable, errs.KindOf(err))
			requireDiscreet(t, told)
		})
	}
}

func TestAnswersOfS3AreToldInWords(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	for name, c := range map[string]struct {
		status int
		code   string
		reason string
		passes bool
	}{
		"busy":       {503, "SlowDown", busy, true},
		"broken":     {500, "InternalError", busy, true},
		"full":       {507, "XMinioStorageFull", noSpace, false},
		"full, too":  {403, "QuotaExceeded", noSpace, false},
		"denied":     {403, "AccessDenied", denied, false},
		"redirect":   {301, "PermanentRedirect", wrongRegion, false},
		"old":        {403, "RequestTimeTooSkewed", wrongClock, false},
		"unheard of": {501, "NotImplemented", notUnderstood, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // the SDK takes its time for what may pass
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", elsewhere.URL)
				w.WriteHeader(c.status)
				fmt.Fprintf(w, `<Error><Code>%s</Code><Message>at http://10.0.0.1 for AKIA</Message></Error>`, c.code)
			}))
			t.Cleanup(server.Close)
			told, err := tryS3(t, t.Context(), s3Config(testkit.S3{
				Endpoint: server.URL, Region: "eu-central-1", Bucket: "bucket", AccessKeyID: "AKIA", SecretAccessKey: "secret",
			}, ""))
			require.Equal(t, c.reason, told, "%v", err)
			require.Equal(t, c.passes, passing(err), "%v", err)
		})
	}
}

// Who asks for three seconds gets an answer after three.
func TestStorageThatHangsIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(release) })
	p, err := parser(t).parse(kindS3, s3Config(testkit.S3{
		Endpoint: server.URL, Region: "eu-central-1", Bucket: "bucket", AccessKeyID: "AKIA", SecretAccessKey: "secret",
	}, ""))
	require.NoError(t, err)
	b, err := p.open()
	require.NoError(t, err)
	begun := time.Now()
	require.Equal(t, tooSlow, reason(answers(t.Context(), b)))
	require.Less(t, time.Since(begun), patience)
}

func TestFolderFailuresAreToldInWords(t *testing.T) {
	for cause, want := range map[error]string{
		syscall.ENOSPC: noSpace, syscall.EDQUOT: noSpace, syscall.EROFS: readOnly, syscall.EACCES: noPermission, syscall.EPERM: noPermission,
		syscall.ENOTDIR: inTheWay, syscall.EISDIR: inTheWay, syscall.ENOENT: noFolder,
	} {
		err := explainLocal(&fs.PathError{Op: "open", Path: "/srv/secret", Err: cause})
		require.Equal(t, want, reason(err))
		require.False(t, passing(err))
	}
	require.True(t, passing(explainLocal(syscall.EIO)), "who knows")
	require.NoError(t, explainLocal(nil))

	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for root, want := range map[string]string{file: inTheWay, filepath.Join(file, "below"): inTheWay, "/proc/portico": noFolder} {
		p, err := parser(t).parse(kindLocal, configIn{Root: web.Some(root)})
		require.NoError(t, err)
		_, err = p.open()
		require.Equal(t, want, reason(err), "%s: %v", root, err)
	}
}

// A folder that has vanished, as one that is not mounted any more, is no empty one.
func TestHealthNoticesAFolderThatIsGone(t *testing.T) {
	p := localPlace(t)
	b, err := p.open()
	require.NoError(t, err)
	require.NoError(t, answers(t.Context(), b))
	require.NoError(t, os.RemoveAll(p.spec.(*localSpec).path))
	require.Equal(t, noFolder, reason(answers(t.Context(), b)))
}

func TestErrorsOfContextsStayWhatTheyAre(t *testing.T) {
	eachBackend(t, func(t *testing.T, _ place, b blobs) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := b.write(ctx, "name", "text/plain", strings.NewReader("content"))
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, "The storage did not answer in time", reason(context.DeadlineExceeded))
		require.Equal(t, unknownReason, reason(errors.New("dial tcp 127.0.0.1")))
		gone(t, b, "name")
	})
}

func TestAzureFailuresAreToldInWords(t *testing.T) {
	good := *azurePlace(t).spec.(*azureSpec)
	for name, c := range map[string]struct {
		change func(*azureSpec)
		reason string
	}{
		"key":       {func(a *azureSpec) { a.AccountKey = "dG9wc2VjcmV0" }, refused},
		"container": {func(a *azureSpec) { a.Container = "no-such-container" }, noContainer},
		"port":      {func(a *azureSpec) { a.Endpoint = "http://127.0.0.1:1/devstoreaccount1" }, unreachable},
		"metadata":  {func(a *azureSpec) { a.Endpoint = "http://169.254.169.254/devstoreaccount1" }, notAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			a := good
			c.change(&a)
			b, err := a.open()
			require.NoError(t, err)
			_, err = b.write(t.Context(), "name", "text/plain", strings.NewReader("content"))
			require.Equal(t, c.reason, reason(err), "%v", err)
			_, err = b.open(t.Context(), "name", 0, -1)
			require.Equal(t, c.reason, reason(err), "%v", err)
			requireDiscreet(t, reason(err))
		})
	}
}
