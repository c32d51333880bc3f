package web

import (
	"context"
	"net/http"
	"reflect"
)

// Access says who may call a route. The zero value is a mistake and stops the start.
type Access uint8

const (
	Public Access = iota + 1 // anybody
	User                     // a signed-in user; others get 401
	Admin                    // a superuser; anonymous callers get 401, users the 404 of an unknown path
)

func (a Access) String() string { return [...]string{"unset", "public", "user", "admin"}[min(a, 4-1)] }

// Route is one method of one path, as data. Paths are written as net/http writes them:
// /api/groups/{id}, and /api/documents/{path...} for all that lies below.
type Route struct {
	Method  string
	Path    string
	Access  Access
	Status  int    // of a success
	Summary string // one line for the OpenAPI document
	Hidden  bool   // not in the OpenAPI document

	allow    func(*http.Request) error
	also     []int  // further statuses of a success
	media    string // of a success, where it is not JSON
	passesOn bool
	in, out  reflect.Type // in is nil for raw routes
	handle   func(*plan, http.ResponseWriter, *http.Request) error
}

// Handler answers a typed route. In holds what the request brings: fields tagged `path:"id"`, `query:"limit"`,
// `header:"X-Name"`, a field named Body for a JSON body, a field named Form for a form. Out is the JSON body,
// or a struct with a field named Body and fields tagged `header:"X-Name"`. A nil Out answers 204.
//
// Constraints are tags (maxLength, minimum, enum, pattern, maxItems, ...) and end up in the OpenAPI document;
// fields are required unless tagged omitempty, are pointers or [Optional]. A Body or Form with a method
// Check(*Check) validates further. Values tagged `writeOnly:"true"` are secrets and never come back in an error.
type Handler[In, Out any] func(context.Context, *In) (*Out, error)

// None is the In of a route that needs nothing and the Out of one that answers 204.
type None struct{}

// Option changes a route under construction.
type Option func(*Route)

// Status sets the status of a success, 200 unless said otherwise (204 where Out is None).
func Status(code int) Option { return func(r *Route) { r.Status = code } }

// Summary sets the line that describes the route in the OpenAPI document.
func Summary(text string) Option { return func(r *Route) { r.Summary = text } }

// Answers sets the JSON body of a raw route's success in the OpenAPI document.
func Answers[Out any]() Option { return func(r *Route) { r.out = reflect.TypeFor[Out]() } }

// Also adds statuses that the route answers with beside that of a success and those that follow from its shape. Their
// body is that of a success, but for 204 and 304, which have none.
func Also(codes ...int) Option { return func(r *Route) { r.also = append(r.also, codes...) } }

// Media sets the content type of a raw route's success in the OpenAPI document, "*/*" where it may be any, and that of a
// body which is [Written].
func Media(contentType string) Option { return func(r *Route) { r.media = contentType } }

// PassesOn marks a raw route that answers with what another service has answered, of which the OpenAPI document says
// nothing but that.
func PassesOn() Option { return func(r *Route) { r.passesOn = true } }

// Allow narrows a route for signed-in users to those for whom may returns nil. It is asked before the method, the query
// or the body is looked at, with the caller in the context and the values of the path at hand; all routes of a path must
// have the same may. An errs.NotFound without a detail hides the path: that is the answer of an unknown one.
func Allow(may func(*http.Request) error) Option { return func(r *Route) { r.allow = may } }

// Hide keeps the route out of the OpenAPI document.
func Hide() Option { return func(r *Route) { r.Hidden = true } }

// Get declares a GET route.
func Get[In, Out any](path string, access Access, h Handler[In, Out], opts ...Option) Route {
	return typed(http.MethodGet, path, access, h, opts)
}

// Post declares a POST route.
func Post[In, Out any](path string, access Access, h Handler[In, Out], opts ...Option) Route {
	return typed(http.MethodPost, path, access, h, opts)
}

// Put declares a PUT route.
func Put[In, Out any](path string, access Access, h Handler[In, Out], opts ...Option) Route {
	return typed(http.MethodPut, path, access, h, opts)
}

// Patch declares a PATCH route.
func Patch[In, Out any](path string, access Access, h Handler[In, Out], opts ...Option) Route {
	return typed(http.MethodPatch, path, access, h, opts)
}

// Delete declares a DELETE route.
func Delete[In, Out any](path string, access Access, h Handler[In, Out], opts ...Option) Route {
	return typed(http.MethodDelete, path, access, h, opts)
}

// Raw declares a route whose handler streams: nothing is bound, limited or buffered for it. Path values come from
// r.PathValue. An error it returns before it has written anything becomes the reply; after that it cuts the connection.
func Raw(method, path string, access Access, h func(http.ResponseWriter, *http.Request) error, opts ...Option) Route {
	r := Route{Method: method, Path: path, Access: access, Status: http.StatusOK,
		handle: func(_ *plan, w http.ResponseWriter, req *http.Request) error { return h(w, req) }}
	for _, o := range opts {
		o(&r)
	}
	return r
}
