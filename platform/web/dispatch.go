package web

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
)

// adminPrefix hides everything below it from all but superusers, whether it exists or not.
const adminPrefix = "/api/admin/"

// dispatch is the guard: who may come in is settled before the body, the method of an admin path or an id is looked at.
func (s *Site) dispatch(e *endpoint) gin.HandlerFunc {
	return func(c *gin.Context) {
		r := c.Request
		x := exchangeOf(r.Context())
		x.endpoint = e
		setPathValues(r, c.Params)
		r, err := s.enter(e, r, c.Params)
		if err != nil {
			s.fail(x, r, err)
			return
		}
		p := e.methods[r.Method]
		if p.in != nil && !storable(c.Params) {
			s.fail(x, r, errs.New(errs.NotFound, ""))
			return
		}
		if err := p.handle(p, x, r); err != nil {
			s.fail(x, r, err)
		}
	}
}

func setPathValues(r *http.Request, params gin.Params) {
	for _, param := range params {
		r.SetPathValue(param.Key, strings.TrimPrefix(param.Value, "/"))
	}
}

// storable tells values that a database can take for an id.
func storable(params gin.Params) bool {
	return !slices.ContainsFunc(params, func(p gin.Param) bool {
		return strings.IndexByte(p.Value, 0) >= 0 || !utf8.ValidString(p.Value)
	})
}

// enter lets a request pass to the method it names. The request it returns carries the caller.
func (s *Site) enter(e *endpoint, r *http.Request, params gin.Params) (*http.Request, error) {
	p := e.methods[r.Method]
	switch {
	case e.allow != nil:
		r, err := s.admitTo(e, r, params)
		if err == nil && p == nil {
			err = s.wrongMethod(e, r, true)
		}
		return r, err
	case p == nil:
		return r, s.refuseMethod(e, r)
	case p.Access == Public:
		return r, nil
	}
	return s.admit(r, p.Access)
}

// admit finds out who calls. A caller who is no superuser is told that an admin path does not exist.
func (s *Site) admit(r *http.Request, access Access) (*http.Request, error) {
	caller, err := s.Authenticator.Authenticate(r)
	if err != nil {
		return r, err
	}
	exchangeOf(r.Context()).caller = caller
	if access == Admin && !caller.IsAdmin {
		return r, errs.New(errs.NotFound, "")
	}
	return r.WithContext(identity.With(r.Context(), caller)), nil
}

// admitTo finds out who calls, and whether the path is for that user.
func (s *Site) admitTo(e *endpoint, r *http.Request, params gin.Params) (*http.Request, error) {
	r, err := s.admit(r, User)
	switch {
	case err != nil:
		return r, err
	case !storable(params):
		return r, errs.New(errs.NotFound, "")
	}
	return r, e.allow(r)
}

// refuseMethod answers a method that the path does not have. It names only methods the caller may know of.
func (s *Site) refuseMethod(e *endpoint, r *http.Request) error {
	var open, hidden bool
	for _, p := range e.methods {
		open = open || p.Access != Admin
		hidden = hidden || p.Access == Admin
	}
	if !hidden {
		return s.wrongMethod(e, r, true)
	}
	_, err := s.admit(r, Admin)
	if err != nil && !open {
		return err
	}
	return s.wrongMethod(e, r, err == nil)
}

func (s *Site) wrongMethod(e *endpoint, r *http.Request, all bool) error {
	var allow []string
	for _, m := range sortedKeys(e.methods) {
		if all || e.methods[m].Access != Admin {
			allow = append(allow, m)
		}
	}
	exchangeOf(r.Context()).Header().Set("Allow", strings.Join(allow, ", "))
	return errs.New(errs.MethodNotAllowed, "")
}

// serveUnknown answers a path that nobody serves.
func (s *Site) serveUnknown(r *http.Request) {
	x := exchangeOf(r.Context())
	var err error
	if strings.HasPrefix(r.URL.Path, adminPrefix) && s.Authenticator != nil {
		r, err = s.admit(r, Admin)
	}
	if err == nil {
		err = errs.New(errs.NotFound, "")
	}
	s.fail(x, r, err)
}

// redirectsSlash says whether path/ is a redirect to the path, as FastAPI has it: not where path/ is served itself.
func (s *Site) redirectsSlash(e *endpoint) bool {
	return e.path != "/" && !strings.HasSuffix(e.path, "...}") && !slices.ContainsFunc(s.endpoints, func(o *endpoint) bool {
		rest, ok := strings.CutPrefix(o.path, e.path+"/")
		return ok && (rest == "" || strings.HasPrefix(rest, "{") && strings.HasSuffix(rest, "...}"))
	})
}

// redirectSlash answers any method without a token, unless only some may know of the path.
func (s *Site) redirectSlash(e *endpoint, r *http.Request, params gin.Params) {
	x := exchangeOf(r.Context())
	x.endpoint = e
	hidden := true
	for _, p := range e.methods {
		hidden = hidden && p.Access == Admin
	}
	var err error
	switch {
	case hidden:
		_, err = s.admit(r, Admin)
	case e.allow != nil:
		r, err = s.admitTo(e, r, params)
	}
	if err != nil {
		s.fail(x, r, err)
		return
	}
	target := *r.URL
	target.Scheme, target.Host = s.scheme(r), r.Host
	target.Path, target.RawPath = strings.TrimSuffix(r.URL.Path, "/"), strings.TrimSuffix(r.URL.RawPath, "/")
	x.Header().Set("Location", target.String())
	x.Header().Set("Content-Length", "0")
	x.WriteHeader(http.StatusTemporaryRedirect)
}
