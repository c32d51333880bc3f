package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"go.uber.org/fx"
	"gorm.io/gorm"

	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/secrets"
	"portico.internal/platform/upstream"
	"portico.internal/platform/web"
)

// remote is an external storage service, to which admins' calls are passed on instead of being answered here. What it
// answers, status and JSON, is the answer; GET storage-config is its GET /health. It is told who asks, in the headers that
// every feature service gets. Objects are its own matter: the gateway keeps none.
type remote struct {
	client *upstream.Client
	db     *gorm.DB
	audit  *audit.Log
}

const (
	remoteID       = "storage-service"
	remoteLabel    = "Storage service"
	remotePatience = 60 * time.Second // a migration is tried first, and that takes its time
	maxRemoteBody  = 4 << 20
)

// newRemote returns nil where no external service is configured.
func newRemote(life fx.Lifecycle, c Config, db *gorm.DB, a *audit.Log) (*remote, error) {
	if c.ServiceURL == "" {
		return nil, nil
	}
	registry, err := upstream.NewRegistry([]upstream.Service{{ID: remoteID, URL: c.ServiceURL}})
	if err != nil {
		return nil, err
	}
	life.Append(fx.StopHook(registry.Close))
	client, _ := registry.Lookup(remoteID)
	return &remote{client, db, a}, nil
}

// remotePaths are the paths of the service, by those of the gateway.
var remotePaths = map[string]string{
	http.MethodGet + " " + configPath:                     "/health",
	http.MethodPatch + " " + configPath:                   "/config",
	http.MethodPost + " " + configPath + "/migrate":       "/migrate",
	http.MethodDelete + " " + configPath + "/migrate":     "/migrate",
	http.MethodGet + " " + configPath + "/migrate/status": "/migrate/status",
}

// instead returns routes in the place of those given, which pass the calls on; without an external service, those given.
func (r *remote) instead(local []web.Route) []web.Route {
	if r == nil {
		return local
	}
	var routes []web.Route
	for _, l := range local {
		path := remotePaths[l.Method+" "+l.Path]
		routes = append(routes, web.Raw(l.Method, l.Path, l.Access, func(w http.ResponseWriter, req *http.Request) error {
			return r.pass(w, req, path)
		}, web.PassesOn(), web.Summary(l.Summary)))
	}
	return routes
}

// pass passes one call on and its answer back.
func (r *remote) pass(w http.ResponseWriter, req *http.Request, path string) error {
	ctx := req.Context()
	sent, err := web.ReadBody(w, req)
	if err != nil {
		w.Header().Set("Connection", "close") // nobody knows how much is still to come
		return err
	}
	call := &http.Request{Method: req.Method, URL: &url.URL{Path: path}, Header: upstream.ForwardedHeader(req.Header), ContentLength: int64(len(sent))}
	upstream.Identity{UserID: identity.From(ctx).ID, IsAdmin: true, RequestID: web.RequestID(ctx)}.Set(call.Header)
	if len(sent) > 0 {
		call.Body = io.NopCloser(bytes.NewReader(sent))
	}
	reply, err := r.client.Do(ctx, call, upstream.Call{Label: remoteLabel, Patience: remotePatience})
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(io.LimitReader(reply.Body, maxRemoteBody+1))
	if err != nil {
		return err
	}
	if err := r.record(ctx, req.Method+" "+req.URL.Path, reply.StatusCode); err != nil {
		return err
	}
	return relay(w, reply, body)
}

// remoteActions are what the audit log says of calls that the service has taken.
var remoteActions = map[string]string{
	http.MethodPatch + " " + configPath:   "storage.config_changed",
	http.MethodPost + " " + migratePath:   "storage.migration_started",
	http.MethodDelete + " " + migratePath: "storage.migration_cancel_requested",
}

// record leaves in the audit log that the service has taken a call; not what was in it, of which only the service knows
// which part is secret.
func (r *remote) record(ctx context.Context, route string, status int) error {
	action := remoteActions[route]
	if action == "" || status/100 != 2 {
		return nil
	}
	return database.Write(context.WithoutCancel(ctx), r.db, func(tx *gorm.DB) error {
		return r.audit.Record(ctx, tx, audit.Event{Action: action, Target: audit.Target{Type: "storage", Name: remoteID}})
	})
}

// relay answers as the service has: a success and a refusal as they are, a failure without its text, which may name what
// is nobody's business. A 401 or 403 says that the gateway may not call the service, and not that the admin's session is
// over.
func relay(w http.ResponseWriter, reply *http.Response, body []byte) error {
	unexpected := fmt.Errorf("the storage service answered with status %d", reply.StatusCode)
	switch status := reply.StatusCode; {
	case status == http.StatusServiceUnavailable:
		return errs.Wrap(errs.Unavailable, remoteLabel+" unavailable", unexpected).Retry(retryPassing)
	case status == http.StatusGatewayTimeout:
		return errs.Wrap(errs.GatewayTimeout, remoteLabel+" timed out", unexpected)
	case status < 200, status >= 300 && status < 400, status >= 500, status == http.StatusUnauthorized, status == http.StatusForbidden:
		return errs.Wrap(errs.BadGateway, remoteLabel+" unavailable", unexpected)
	case status == http.StatusNoContent:
		w.WriteHeader(status)
		return nil
	}
	shown, err := withoutSecrets(body)
	if err != nil || len(body) > maxRemoteBody {
		return errs.Wrap(errs.BadGateway, remoteLabel+" unavailable", errors.Join(errors.New("the storage service did not answer with JSON"), err))
	}
	return web.WriteJSON(w, reply.StatusCode, shown)
}

// withoutSecrets is the document with a mask for each secret that it shows.
func withoutSecrets(document []byte) (jsontext.Value, error) {
	var out bytes.Buffer
	in, enc := jsontext.NewDecoder(bytes.NewReader(document)), jsontext.NewEncoder(&out)
	for depth := -1; depth != 0; depth = in.StackDepth() {
		switch in.PeekKind() {
		case '{', '}', '[', ']':
			token, err := in.ReadToken()
			if err != nil {
				return nil, err
			}
			if err := enc.WriteToken(token); err != nil {
				return nil, err
			}
			continue
		}
		value, err := in.ReadValue()
		if err != nil {
			return nil, err
		}
		if kind, n := in.StackIndex(in.StackDepth()); kind != '{' || n%2 == 0 { // not a name
			value = masked(in.StackPointer(), value)
		}
		if err := enc.WriteValue(value); err != nil {
			return nil, err
		}
	}
	_, err := in.ReadToken()
	if !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	return bytes.TrimSpace(out.Bytes()), nil
}

// masked is the value at a place of a document, or what may be shown of it.
func masked(at jsontext.Pointer, value jsontext.Value) jsontext.Value {
	name := at.LastToken()
	if value.Kind() != '"' || name != secretField(kindS3) && name != secretField(kindAzure) {
		return value
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil || strings.HasPrefix(string(text), secrets.Hidden) {
		return value
	}
	hidden, _ := jsontext.AppendQuote(nil, secrets.Mask(string(text)))
	return hidden
}
