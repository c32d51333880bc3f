package storage

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"portico.internal/platform/errs"
	"portico.internal/platform/secrets"
	"portico.internal/platform/web"
)

// configIn is the config of a backend of any kind, as clients give it and as it is stored. Which fields count, the kind
// says; the others are ignored.
type configIn struct {
	Root web.Optional[string] `json:"root,omitzero" doc:"local: a folder, in the data directory unless it is absolute; objects unless said otherwise"`

	Bucket          web.Optional[string] `json:"bucket,omitzero" doc:"s3"`
	Region          web.Optional[string] `json:"region,omitzero" doc:"s3"`
	AccessKeyID     web.Optional[string] `json:"access_key_id,omitzero" doc:"s3"`
	SecretAccessKey web.Optional[string] `json:"secret_access_key,omitzero" writeOnly:"true" doc:"s3; the mask stands for the one that is stored"`
	ForcePathStyle  web.Optional[bool]   `json:"force_path_style,omitzero" nullable:"true" doc:"s3: the bucket in the path and not in the host name; true with an endpoint unless said otherwise"`

	Account    web.Optional[string] `json:"account,omitzero" doc:"azure"`
	Container  web.Optional[string] `json:"container,omitzero" doc:"azure"`
	AccountKey web.Optional[string] `json:"account_key,omitzero" writeOnly:"true" doc:"azure; the mask stands for the one that is stored"`

	Endpoint web.Optional[string] `json:"endpoint,omitzero" nullable:"true" doc:"s3, azure: http or https URL of a service that is not the provider's own"`
	Prefix   web.Optional[string] `json:"prefix,omitzero" nullable:"true" doc:"s3, azure: the folder in the bucket or container"`
}

// placeIn names a place.
type placeIn struct {
	Backend string   `json:"backend" enum:"local,s3,azure"`
	Config  configIn `json:"config"`
}

// over returns the config in with what is absent taken from base.
func (in configIn) over(base configIn) configIn {
	take(&base.Root, in.Root)
	take(&base.Bucket, in.Bucket)
	take(&base.Region, in.Region)
	take(&base.AccessKeyID, in.AccessKeyID)
	take(&base.SecretAccessKey, in.SecretAccessKey)
	take(&base.ForcePathStyle, in.ForcePathStyle)
	take(&base.Account, in.Account)
	take(&base.Container, in.Container)
	take(&base.AccountKey, in.AccountKey)
	take(&base.Endpoint, in.Endpoint)
	take(&base.Prefix, in.Prefix)
	return base
}

func take[T any](to *web.Optional[T], from web.Optional[T]) {
	if from.Set {
		*to = from
	}
}

// parse makes a place of what a client has sent. It fails with errs.Invalid where fields are missing or malformed.
func (b *backends) parse(kind string, in configIn) (place, error) {
	r := &reading{}
	p := place{kind: kind}
	switch kind {
	case kindLocal:
		p.spec = r.local(in, b.dataDir)
	case kindS3:
		p.spec = r.s3(in)
	case kindAzure:
		p.spec = r.azure(in)
	default:
		return p, errs.InvalidInput(errs.Issue{Type: "literal_error", Loc: []any{"body", "backend"}, Input: kind,
			Msg: "Input should be 'local', 's3' or 'azure'", Ctx: map[string]any{"expected": "'local', 's3' or 'azure'"}})
	}
	if len(r.issues) > 0 {
		return p, errs.InvalidInput(r.issues...)
	}
	return p, nil
}

// reading is a config that is being checked.
type reading struct{ issues []errs.Issue }

// fail reports a field. Values of secrets are not repeated.
func (r *reading) fail(field string, value any, err error) {
	if field == "secret_access_key" || field == "account_key" {
		value = nil
	}
	r.issues = append(r.issues, errs.ValueError(err.Error(), value, "body", "config", field))
}

// needed reads a field that must be there.
func (r *reading) needed(field string, in web.Optional[string], check func(string) (string, error)) string {
	if !in.Set || in.Null || in.Value == "" {
		r.issues = append(r.issues, errs.Issue{Type: "missing", Loc: []any{"body", "config", field}, Msg: "Field required"})
		return ""
	}
	return r.given(field, in, check)
}

// given reads a field that may be absent, null or empty, which is the same.
func (r *reading) given(field string, in web.Optional[string], check func(string) (string, error)) string {
	if in.Value == "" {
		return ""
	}
	value, err := check(in.Value)
	if err != nil {
		r.fail(field, in.Value, err)
	}
	return value
}

// form checks a value against a pattern.
func form(pattern, text string) func(string) (string, error) {
	compiled := regexp.MustCompile(`^(?:` + pattern + `)$`)
	return func(value string) (string, error) {
		if !compiled.MatchString(value) {
			return "", errors.New(text)
		}
		return value, nil
	}
}

var (
	bucketForm    = form(`[A-Za-z0-9](?:[A-Za-z0-9_-]|\.[A-Za-z0-9_-]){1,61}[A-Za-z0-9]`, "A bucket's name has 3 to 63 letters, digits, dots and hyphens")
	regionForm    = form(`[A-Za-z0-9-]{1,64}`, "A region's name has letters, digits and hyphens, such as eu-central-1")
	keyIDForm     = form(`[!-~]{1,256}`, "Must be 1 to 256 printable characters without blanks")
	secretForm    = form(`[!-~]{1,1000}`, "Must be printable characters without blanks")
	accountForm   = form(`[a-z0-9]{3,24}`, "An account's name has 3 to 24 lower-case letters and digits")
	containerForm = form(`\$root|[a-z0-9](?:-?[a-z0-9]){2,62}`, "A container's name has 3 to 63 lower-case letters, digits and single hyphens")
)

func accountKeyForm(value string) (string, error) {
	if strings.HasPrefix(value, secrets.Hidden) {
		return value, nil // a mask
	}
	if raw, err := base64.StdEncoding.DecodeString(value); err != nil || len(raw) == 0 || len(value) > 1024 {
		return "", errors.New("An account key is text in base64")
	}
	return value, nil
}

// maxPrefix leaves room for names within the 1024 bytes that a key may have.
const maxPrefix = 256

func prefixForm(value string) (string, error) {
	value = strings.Trim(value, "/")
	if value == "" {
		return "", nil
	}
	if len(value) > maxPrefix || !plainPath(value) {
		return "", errors.New("A prefix has at most 256 bytes: folders of letters, digits and -_.+=,()@ with / between")
	}
	return value, nil
}

const maxEndpoint = 512

// endpointForm brings a URL into its normal form: case, the default port and a slash at the end make no difference.
func endpointForm(value string) (string, error) {
	u, err := url.Parse(value)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || len(value) > maxEndpoint || !utf8.ValidString(value):
		return "", errors.New("Must be an http or https URL with a host, such as https://minio.example.com:9000")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "", errors.New("Must not hold a user, password, query or fragment")
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if address, err := netip.ParseAddr(host); err == nil {
		host = address.Unmap().String()
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		host += ":" + port
	}
	return u.Scheme + "://" + host + strings.TrimRight(u.EscapedPath(), "/"), nil
}

// printable refuses control characters and what is no UTF-8.
func printable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, unicode.IsControl)
}
