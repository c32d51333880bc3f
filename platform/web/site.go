// Package web is the HTTP side of the house: routes declared as data, one guard in front of all of them, FastAPI's
// wire forms, and the OpenAPI document. Modules declare routes; gin finds them; nobody else sees gin.
package web

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/cors"

	"portico.internal/platform/identity"
	"portico.internal/platform/tracing"
)

// RouteSet are the routes of one module.
type RouteSet struct {
	Module string
	Routes []Route
}

// Options are what a site is made of. Only Routes is needed.
type Options struct {
	Routes        []RouteSet
	Authenticator identity.Authenticator // nil: only public routes
	Logger        *slog.Logger           // nil: slog.Default

	// Explain turns an error of a dependency into an errs.Error; what it returns unchanged is our own fault.
	Explain func(error) error

	Title, Version string                // with a title the site serves /openapi.json and /docs
	TrustedProxies []netip.Prefix        // whose X-Forwarded-For and X-Forwarded-Proto are believed
	CORSOrigins    []string              // browser origins allowed to call; none: no CORS headers
	Metrics        prometheus.Registerer // nil: none
	Tracer         *tracing.Tracer       // nil: off
	TrustTraces    bool                  // go on with the trace that any caller names, not only that of a trusted proxy

	// Stall is how long a client may take to get 32 KiB of a body through, of a request or of a reply: past it the
	// transfer is cut. Slower than that is no transfer. 0: DefaultStall.
	Stall time.Duration
}

// Site answers requests.
type Site struct {
	Options
	handler   http.Handler
	endpoints []*endpoint // sorted by path
	registry  huma.Registry
	document  *huma.OpenAPI
	requests  *requestMetrics
	budget    *budget
}

// endpoint is one path with all its methods.
type endpoint struct {
	path    string
	methods map[string]*plan
	allow   func(*http.Request) error // the same for all methods; nil lets everybody in
}

// module is the one that serves the method, or the first where none does.
func (e *endpoint) module(method string) string {
	if p := e.methods[method]; p != nil {
		return p.module
	}
	return e.methods[sortedKeys(e.methods)[0]].module
}

// RouteInfo describes one route of a site.
type RouteInfo struct {
	Method, Path, Module string
	Access               Access
}

// New builds a site. It fails when two modules serve the same route, or a route has no access.
func New(o Options) (*Site, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Explain == nil {
		o.Explain = func(err error) error { return err }
	}
	o.Stall = cmp.Or(o.Stall, DefaultStall)
	s := &Site{Options: o, registry: newRegistry(), requests: newRequestMetrics(o.Metrics), budget: newBudget()}
	if o.Title != "" {
		o.Routes = append(slices.Clone(o.Routes), s.documentRoutes())
	}
	if err := s.collect(o.Routes); err != nil {
		return nil, err
	}
	s.document = s.describe()
	s.handler = s.engine()
	if len(o.CORSOrigins) > 0 {
		s.handler = cors.New(cors.Options{
			AllowedOrigins: o.CORSOrigins,
			AllowedMethods: []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"},
			AllowedHeaders: []string{"*"},
			ExposedHeaders: []string{"X-Request-ID", "X-Total-Count", "ETag", "Retry-After", "Content-Disposition"},
		}).Handler(s.handler)
	}
	return s, nil
}

// Routes lists what the site serves, by path and method.
func (s *Site) Routes() []RouteInfo {
	var list []RouteInfo
	for _, e := range s.endpoints {
		for _, m := range sortedKeys(e.methods) {
			p := e.methods[m]
			list = append(list, RouteInfo{m, e.path, p.module, p.Access})
		}
	}
	return list
}

// collect sorts the routes into endpoints and finds every clash.
func (s *Site) collect(sets []RouteSet) error {
	byPath := map[string]*endpoint{}
	shapes := map[string]string{}
	var problems []error
	for _, set := range sets {
		for _, r := range set.Routes {
			e := byPath[r.Path]
			if e == nil {
				e = &endpoint{path: r.Path, methods: map[string]*plan{}}
				byPath[r.Path] = e
			}
			switch other := e.methods[r.Method]; {
			case other != nil:
				problems = append(problems, fmt.Errorf("modules %s and %s both serve %s %s", other.module, set.Module, r.Method, r.Path))
			case r.Access < Public || r.Access > Admin:
				problems = append(problems, fmt.Errorf("module %s: %s %s says no access; use web.Public, web.User or web.Admin", set.Module, r.Method, r.Path))
			case r.Access != Public && s.Authenticator == nil:
				problems = append(problems, fmt.Errorf("module %s: %s %s needs an authenticator and there is none", set.Module, r.Method, r.Path))
			case !slices.Contains(declarable, r.Method):
				problems = append(problems, fmt.Errorf("module %s: %s %s: the method cannot be served", set.Module, r.Method, r.Path))
			case strings.HasPrefix(r.Path, adminPrefix) && r.Access != Admin:
				problems = append(problems, fmt.Errorf("module %s: %s %s is below %s and must be web.Admin", set.Module, r.Method, r.Path, adminPrefix))
			case r.allow != nil && r.Access != User, len(e.methods) > 0 && (r.allow == nil) != (e.allow == nil):
				problems = append(problems, fmt.Errorf("module %s: %s %s: web.Allow is for web.User, and for all methods of a path", set.Module, r.Method, r.Path))
			default:
				e.methods[r.Method] = newPlan(s.registry, set.Module, r)
				e.allow = r.allow
			}
			shape := pathShape(r.Path)
			if first, ok := shapes[shape]; ok && first != r.Path {
				problems = append(problems, fmt.Errorf("module %s: %s and %s are the same path", set.Module, r.Path, first))
			}
			shapes[shape] = r.Path
		}
	}
	for _, path := range sortedKeys(byPath) {
		s.endpoints = append(s.endpoints, byPath[path])
	}
	return errors.Join(problems...)
}

// declarable are the methods that a route may have. TRACE and CONNECT are never served.
var declarable = []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}

// engine registers each path once, for all methods, so that the guard and not the router decides about methods.
func (s *Site) engine() http.Handler {
	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	g.RedirectTrailingSlash = false
	g.NoRoute(func(c *gin.Context) {
		s.serveUnknown(c.Request)
		c.Writer.WriteHeaderNow() // or gin adds a body of its own, past the length that was declared
	})
	for _, e := range s.endpoints {
		g.Any(ginPath(e.path), s.dispatch(e))
		if s.redirectsSlash(e) {
			g.Any(ginPath(e.path)+"/", func(c *gin.Context) {
				setPathValues(c.Request, c.Params)
				s.redirectSlash(e, c.Request, c.Params)
			})
		}
	}
	return g
}

// ginPath writes /a/{id}/{rest...} as /a/:id/*rest.
func ginPath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, "{"); ok {
			name = strings.TrimSuffix(name, "}")
			if rest, ok := strings.CutSuffix(name, "..."); ok {
				parts[i] = "*" + rest
			} else {
				parts[i] = ":" + name
			}
		}
	}
	return strings.Join(parts, "/")
}

// pathShape is the path without the names of its values.
func pathShape(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, "{") {
			parts[i] = "{}"
		}
	}
	return strings.Join(parts, "/")
}
