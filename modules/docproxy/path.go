package docproxy

import (
	"net/url"
	"path"
	"strings"
	"unicode/utf8"

	"portico.internal/platform/errs"
)

const (
	publicPrefix  = "/api/documents"
	servicePrefix = "/documents"
)

// servicePath maps /api/documents[/rest] onto /documents[/rest], the rest as it was written. It refuses what a server
// behind could read as another path: dot segments, empty segments, and slashes, backslashes or control characters
// that show after decoding once. A slash at the end stays.
func servicePath(u *url.URL) (*url.URL, error) {
	raw := u.EscapedPath()
	segments := strings.Split(raw, "/")
	for i, s := range segments[1:] {
		decoded, err := url.PathUnescape(s)
		last := i == len(segments)-2
		if err != nil || decoded == "" && !last || !safeSegment(decoded) {
			return nil, errs.New(errs.NotFound, "")
		}
		if i == 0 && decoded != "api" || i == 1 && decoded != "documents" {
			return nil, errs.New(errs.NotFound, "")
		}
	}
	if len(segments) < 3 || raw[0] != '/' {
		return nil, errs.New(errs.NotFound, "")
	}
	out := &url.URL{RawPath: servicePrefix, RawQuery: u.RawQuery, ForceQuery: u.ForceQuery}
	if rest := segments[3:]; len(rest) > 0 {
		out.RawPath += "/" + strings.Join(rest, "/")
	}
	var err error
	if out.Path, err = url.PathUnescape(out.RawPath); err != nil {
		return nil, errs.New(errs.NotFound, "")
	}
	return out, nil
}

func safeSegment(s string) bool {
	name, _, _ := strings.Cut(s, ";") // some servers cut parameters off before they look for dots
	if name == "." || name == ".." || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(c rune) bool { return c == '/' || c == '\\' || c < ' ' || c == 0x7f })
}

// publicLocation maps the target of a service's redirect onto our paths. asked is the URL the service was called with,
// below base. It reports false for a target that has no place among them.
func publicLocation(location string, asked, base *url.URL) (string, bool) {
	target, err := asked.Parse(location)
	if err != nil || !sameHost(target, base) {
		return "", false
	}
	rest, ok := strings.CutPrefix(target.EscapedPath(), base.EscapedPath()+servicePrefix)
	if !ok || rest != "" && rest[0] != '/' {
		return "", false
	}
	if decoded := target.Path; path.Clean(decoded) != strings.TrimSuffix(decoded, "/") {
		return "", false
	}
	mapped := publicPrefix + rest
	if target.RawQuery != "" || target.ForceQuery {
		mapped += "?" + target.RawQuery
	}
	if target.Fragment != "" {
		mapped += "#" + target.EscapedFragment()
	}
	return mapped, true
}

func sameHost(a, b *url.URL) bool {
	return strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch p := u.Port(); {
	case p != "":
		return p
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}
