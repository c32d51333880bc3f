package auth

import (
	"net/http"
	"strings"

	"portico.internal/platform/errs"
)

// bearerToken returns the token of the Authorization header, parsed as FastAPI does since 0.128.1: the scheme in any
// case, then a blank, then the token without blanks around it. Several headers are refused, for two readers could
// disagree on which one counts.
func bearerToken(h http.Header) (string, error) {
	values := h.Values("Authorization")
	if len(values) != 1 {
		for _, v := range values {
			if _, ok := cutScheme(v); ok {
				return "", errBadToken(nil)
			}
		}
		return "", errNoToken()
	}
	token, ok := cutScheme(values[0])
	if !ok {
		return "", errNoToken()
	}
	return token, nil
}

func cutScheme(value string) (token string, ok bool) {
	scheme, token, _ := strings.Cut(strings.Trim(value, " \t"), " ")
	return strings.Trim(token, " \t"), strings.EqualFold(scheme, "Bearer")
}

// errNoToken answers a request that names nobody.
func errNoToken() error { return errs.New(errs.Unauthenticated, "Not authenticated") }

// errBadToken answers a request whose token is not believed, whatever the reason.
func errBadToken(cause error) error {
	return errs.Wrap(errs.Unauthenticated, "Could not validate credentials", cause)
}
