package docproxy

import (
	"net/http"
	"strings"

	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/upstream"
	"portico.internal/platform/web"
)

const (
	label = "Document service"

	// multipartFrame is allowed for what a form puts around the file.
	multipartFrame = 64 << 10
)

func (p *proxy) routes() []web.Route {
	var routes []web.Route
	for _, method := range []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	} {
		for _, path := range []string{publicPrefix, publicPrefix + "/{path...}"} {
			routes = append(routes, web.Raw(method, path, web.User, p.serve, web.PassesOn(), web.Summary("Passed on to the document service")))
		}
	}
	return routes
}

// serve passes one request on and its reply back, both as they stream.
func (p *proxy) serve(w http.ResponseWriter, r *http.Request) error {
	target, err := servicePath(r.URL)
	if err != nil {
		return err
	}
	if wantsUpgrade(r.Header) {
		return errs.New(errs.BadRequest, "Protocol upgrades are not supported")
	}
	ctx := r.Context()
	caller := identity.From(ctx)
	leave, err := p.shares.take(caller.ID)
	if err != nil {
		return err
	}
	defer leave()
	groups, err := p.groups.GroupIDs(ctx, caller.ID)
	if err != nil {
		return err
	}
	call := &http.Request{Method: r.Method, URL: target, Header: upstream.ForwardedHeader(r.Header), ContentLength: r.ContentLength}
	upstream.Identity{UserID: caller.ID, GroupIDs: groups, IsAdmin: caller.IsAdmin, RequestID: web.RequestID(ctx)}.Set(call.Header)

	var body *upload
	if r.ContentLength != 0 {
		if body, err = p.accept(w, r); err != nil {
			return err
		}
		defer body.Close()
		call.Body = body
	}
	reply, err := p.service.Do(ctx, call, upstream.Call{Label: label, Patience: p.ResponseHeaderTimeout})
	if body != nil && (err != nil || reply.StatusCode >= http.StatusBadRequest && !body.whole.Load() && !drained(r)) {
		w.Header().Set("Connection", "close") // of the upload nobody knows how much is still to come
	}
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	writeHead(w, reply, p.service.Base())
	if r.Method == http.MethodHead {
		return nil
	}
	return copyBody(w, reply)
}

// drained tells a body so small that the server reads away what is left of it, and keeps the connection: net/http does
// that with 256 KiB.
func drained(r *http.Request) bool { return r.ContentLength > 0 && r.ContentLength <= 256<<10 }

// accept takes on an upload, unless its length says that it is too large.
func (p *proxy) accept(w http.ResponseWriter, r *http.Request) (*upload, error) {
	limit, err := p.limits.MaxPDFBytes(r.Context())
	if err != nil {
		return nil, err
	}
	limit += multipartFrame
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return nil, errTooLarge(limit)
	}
	// Else the server closes the request body when the reply begins, under the hands of the transport that still wants
	// to see its end (golang/go#40747).
	if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
		return nil, err
	}
	return newUpload(r, limit), nil
}

func wantsUpgrade(h http.Header) bool {
	if len(h["Upgrade"]) > 0 {
		return true
	}
	for _, line := range h["Connection"] {
		for token := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(token), "upgrade") {
				return true
			}
		}
	}
	return false
}
