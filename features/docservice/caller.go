package docservice

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
)

// callerHeaders believes the gateway's headers. A request that does not name exactly one user is nobody's.
type callerHeaders struct{}

var _ identity.Authenticator = callerHeaders{}

func (callerHeaders) Authenticate(r *http.Request) (*identity.Caller, error) {
	id := canonicalID(only(r, "X-User-Id"))
	if id == "" {
		return nil, errs.New(errs.Unauthenticated, "")
	}
	return &identity.Caller{ID: id, IsAdmin: only(r, "X-User-Is-Admin") == "true"}, nil
}

// only returns the value of a header that is there exactly once, else nothing.
func only(r *http.Request, name string) string {
	if values := r.Header.Values(name); len(values) == 1 {
		return values[0]
	}
	return ""
}

type groupsKey struct{}

// withGroups puts the caller's groups into the context, beside the caller himself.
func withGroups(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		groups := slices.DeleteFunc(strings.Split(only(r, "X-User-Groups"), ","), func(id string) bool { return !groupIDForm.MatchString(id) })
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), groupsKey{}, groups)))
	})
}

// caller is who asks, with the groups he is in.
type caller struct {
	id     string
	admin  bool
	groups []string
}

// callerFrom returns the caller of a request that has passed the guard.
func callerFrom(ctx context.Context) caller {
	who := identity.From(ctx)
	groups, _ := ctx.Value(groupsKey{}).([]string)
	return caller{id: who.ID, admin: who.IsAdmin, groups: groups}
}
