package plugins

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/upstream"
	"portico.internal/platform/web"
)

const (
	settingsTimeout = 10 * time.Second
	maxSettings     = 1 << 20 // bytes
	settingsPath    = "/plugin/settings"
	maxAttempts     = 3 // of a change that others get in the way of
)

// settings calls one plugin's /plugin/settings on behalf of one caller.
type settings struct {
	*plugin
	schema *schema
	caller upstream.Identity
}

// stored is what a service has stored. It holds secrets.
type stored struct {
	values map[string]any
	etag   string // a strong one, empty where there is none
}

// read returns what is stored.
func (s *settings) read(ctx context.Context) (*stored, error) {
	reply, err := s.call(ctx, newRequest(http.MethodGet, settingsPath))
	if err != nil {
		return nil, err
	}
	if reply.Status != http.StatusOK {
		return nil, s.broken("no settings", reply.Status)
	}
	return s.stored(reply)
}

func (s *settings) call(ctx context.Context, r *http.Request) (*upstream.Reply, error) {
	s.caller.Set(r.Header)
	reply, err := s.client.Fetch(ctx, r, upstream.Call{Label: s.name, Patience: settingsTimeout}, maxSettings)
	if errors.Is(err, upstream.ErrTooLarge) {
		err = errs.Wrap(errs.BadGateway, "What "+s.name+" sent as settings is larger than 1 MiB", err)
	}
	return reply, err
}

var strong = regexp.MustCompile(`^"[!#-~]{0,200}"$`)

// stored reads settings that a service has sent.
func (s *settings) stored(reply *upstream.Reply) (*stored, error) {
	values, err := parseObject(reply.Body)
	if err == nil && s.schema.tooMuch(values) {
		err = errMany
	}
	if err != nil {
		return nil, errs.New(errs.BadGateway, "What "+s.name+" sent as settings "+err.Error())
	}
	etag := reply.Header.Get("ETag")
	if !strong.MatchString(etag) {
		etag = ""
	}
	return &stored{values, etag}, nil
}

// shown is the reply that shows settings.
func (s *settings) shown(now *stored, err error) (*web.Tagged[map[string]any], error) {
	if err != nil {
		return nil, err
	}
	return web.Tag(0, s.schema.mask(now.values))
}

// change applies a merge patch in which secrets may be masked, and returns what was stored and what is then; sent says that the service
// has taken a change. It fails with errs.Invalid where what would come out breaks the schema, with
// errs.PreconditionFailed where match does not want the settings that are there, and with errs.Conflict where others keep
// changing them.
func (s *settings) change(ctx context.Context, patch map[string]any, match web.IfMatch) (old, now *stored, sent bool, err error) {
	for range maxAttempts {
		old, err = s.read(ctx)
		if err != nil {
			return nil, nil, false, err
		}
		if err := s.wanted(old, match); err != nil {
			return nil, nil, false, err
		}
		resolved, err := s.resolved(old, patch)
		if err != nil || len(resolved) == 0 {
			return old, old, false, err
		}
		reply, err := s.send(ctx, resolved, old.etag)
		switch {
		case err != nil:
			return nil, nil, false, err
		case reply.Status == http.StatusPreconditionFailed && old.etag != "":
			continue
		case reply.Status/100 != 2:
			return nil, nil, false, s.refusal(reply, old.values, merge(old.values, resolved).(map[string]any))
		case len(reply.Body) == 0:
			now, err = s.read(ctx)
		default:
			now, err = s.stored(reply)
		}
		return old, now, true, err
	}
	return nil, nil, false, errs.New(errs.Conflict, "The settings are being changed by others; try again")
}

// resolved is the patch with the secrets that its masks stand for, checked against the schema.
func (s *settings) resolved(old *stored, patch map[string]any) (map[string]any, error) {
	resolved, issues := s.schema.resolve(old.values, patch)
	if len(issues) > 0 {
		return nil, errs.InvalidInput(issues...)
	}
	merged := merge(old.values, resolved).(map[string]any)
	if s.schema.tooMuch(merged) {
		return nil, errTooMuch()
	}
	if len(resolved) > 0 {
		issues = s.schema.check(merged, patch)
	}
	if len(issues) > 0 {
		return nil, errs.InvalidInput(issues...)
	}
	return resolved, nil
}

func (s *settings) send(ctx context.Context, patch map[string]any, etag string) (*upstream.Reply, error) {
	body, err := json.Marshal(patch, json.Deterministic(true))
	if err != nil {
		return nil, err
	}
	r := newRequest(http.MethodPatch, settingsPath)
	r.Header["Content-Type"] = []string{"application/json"}
	if etag != "" {
		r.Header["If-Match"] = []string{etag}
	}
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(string(body))), int64(len(body))
	return s.call(ctx, r)
}

// wanted compares the tag of what the client has seen with that of what is there.
func (s *settings) wanted(old *stored, match web.IfMatch) error {
	if !match.Tags.Set {
		return nil
	}
	now, err := web.Tag(0, s.schema.mask(old.values))
	if err != nil {
		return err
	}
	for tag := range strings.SplitSeq(match.Tags.Value, ",") {
		if tag = strings.TrimSpace(tag); tag == "*" || tag == now.ETag {
			return nil
		}
	}
	return errs.New(errs.PreconditionFailed, "")
}

// patchOf reads the body of a PATCH.
func (s *settings) patchOf(body mergePatch) (map[string]any, error) {
	patch, err := parseObject(body.raw)
	if err == nil && s.schema.tooMuch(patch) {
		return nil, errTooMuch()
	}
	if err != nil {
		return nil, errs.InvalidInput(errs.ValueError("the body "+err.Error(), nil, "body"))
	}
	return patch, nil
}

func errTooMuch() error {
	return errs.InvalidInput(errs.ValueError("the body holds too much to be checked against the schema", nil, "body"))
}

// broken is a reply that nothing can be done with. A service's own 401 and 403 are among them: they must not look like
// the end of the caller's session.
func (s *settings) broken(what string, status int) error {
	return errs.Wrap(errs.BadGateway, s.name+" sent "+what, statusError(status))
}

// callerOf is what a service is told about the caller of a request.
func callerOf(ctx context.Context, groupIDs []string) upstream.Identity {
	caller := identity.From(ctx)
	return upstream.Identity{UserID: caller.ID, GroupIDs: groupIDs, IsAdmin: caller.IsAdmin, RequestID: web.RequestID(ctx)}
}

// keysOf are the names of the settings that a patch speaks about, for the log.
func keysOf(patch map[string]any) []string {
	keys := slices.Sorted(maps.Keys(patch))
	keys = keys[:min(len(keys), 50)]
	for i := range keys {
		keys[i] = cut(keys[i])
	}
	return keys
}
