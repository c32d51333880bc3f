package plugins

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/fx"

	"portico.internal/modules/groups"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/upstream"
)

const (
	manifestTimeout = 2 * time.Second
	manifestAge     = 25 * time.Second // then it is asked for again: what is known is never older than 30 s
	retryAfter      = 5 * time.Second  // a service that has none to be used
	startPatience   = manifestTimeout + 200*time.Millisecond
)

// catalog knows the plugins and keeps their manifests at hand: each is asked for in the background, so that nobody waits
// for a service that hangs.
type catalog struct {
	plugins []*plugin // in the order of the configuration
	byID    map[string]*plugin
	log     *slog.Logger
	tried   chan struct{} // closed when every service has had its chance to answer, at most startPatience after the start
}

var _ Catalog = (*catalog)(nil)

// plugin is one feature service with a manifest.
type plugin struct {
	id, name string
	client   *upstream.Client
	now      atomic.Pointer[standing]

	last reading
}

// reading is what came of the manifest that was looked at last. Only the one who asks for manifests uses it.
type reading struct {
	sum      [sha256.Size]byte
	manifest *manifest
	err      error
}

// standing is how a plugin is. The last good manifest stays while the service is down or sends a bad one.
type standing struct {
	manifest *manifest // nil: never a good one
	reason   string    // empty: available
	slow     bool      // the reason is that there was no answer in time
}

const notYet = "the manifest is being read"

func newCatalog(services *upstream.Registry, log *slog.Logger, life fx.Lifecycle) *catalog {
	c := &catalog{byID: map[string]*plugin{}, log: log, tried: make(chan struct{})}
	for _, s := range services.Services() {
		if s.Plugin {
			p := &plugin{id: s.ID, name: s.Name}
			p.client, _ = services.Lookup(s.ID)
			p.now.Store(&standing{reason: notYet, slow: true})
			c.plugins, c.byID[s.ID] = append(c.plugins, p), p
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	life.Append(fx.StartStopHook(
		func() { running.Go(func() { c.watch(ctx) }) },
		func() { cancel(); running.Wait() },
	))
	return c
}

// watch asks every service for its manifest, again and again, until ctx ends.
func (c *catalog) watch(ctx context.Context) {
	var all, first sync.WaitGroup
	for _, p := range c.plugins {
		first.Add(1)
		all.Go(func() {
			c.refresh(ctx, p)
			first.Done()
			for {
				wait := manifestAge
				if p.now.Load().reason != "" {
					wait = retryAfter
				}
				select {
				case <-ctx.Done():
					return
				case <-time.After(wait):
					c.refresh(ctx, p)
				}
			}
		})
	}
	asked := make(chan struct{})
	go func() { first.Wait(); close(asked) }()
	select {
	case <-asked:
	case <-time.After(startPatience):
	}
	close(c.tried)
	all.Wait()
}

// ready waits until every service has had its chance to answer.
func (c *catalog) ready(ctx context.Context) error {
	select {
	case <-c.tried:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Visible returns the plugins that a caller who is in these groups may use.
func (c *catalog) Visible(ctx context.Context, caller *identity.Caller, in []groups.Joined) ([]PluginOut, error) {
	if err := c.ready(ctx); err != nil {
		return nil, err
	}
	list := []PluginOut{}
	for _, p := range c.plugins {
		if p.admits(caller, in) {
			list = append(list, p.out())
		}
	}
	return list, nil
}

// refresh asks one service for its manifest and notes what has come of it.
func (c *catalog) refresh(ctx context.Context, p *plugin) {
	before := p.now.Load()
	after := *before
	m, err := p.fetch(ctx)
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		after.reason, after.slow = reasonOf(err), errs.KindOf(err) == errs.GatewayTimeout
	default:
		after = standing{manifest: m}
	}
	p.now.Store(&after)
	switch {
	case after.reason == before.reason:
	case after.reason != "":
		c.log.WarnContext(ctx, "plugin unavailable", "plugin", p.id, "reason", after.reason, "cause", err)
	default:
		c.log.InfoContext(ctx, "plugin available", "plugin", p.id, "version", after.manifest.out.Version)
	}
}

// fetch asks for the manifest and reads it, unless it is the one that was read last.
func (p *plugin) fetch(ctx context.Context) (*manifest, error) {
	r := newRequest(http.MethodGet, "/plugin/manifest")
	reply, err := p.client.Fetch(ctx, r, upstream.Call{Label: p.name, Patience: manifestTimeout, Apart: true}, maxManifest)
	switch {
	case errors.Is(err, upstream.ErrTooLarge):
		return nil, errors.New("the manifest is larger than 256 KiB")
	case err != nil:
		return nil, err
	case reply.Status != http.StatusOK:
		return nil, fmt.Errorf("answers with status %d", reply.Status)
	}
	if sum := sha256.Sum256(reply.Body); sum != p.last.sum {
		m, err := readSafely(p.id, reply.Body)
		p.last = reading{sum, m, err}
	}
	return p.last.manifest, p.last.err
}

// readSafely is readManifest, for which a fault of the libraries that it uses is one of the manifest.
func readSafely(id string, raw []byte) (m *manifest, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			m, err = nil, errs.Wrap(errs.Internal, "the manifest cannot be read", fmt.Errorf("panic: %v", cause))
		}
	}()
	return readManifest(id, raw)
}

// newRequest is one of ours, on nobody's behalf.
func newRequest(method, path string) *http.Request {
	return &http.Request{Method: method, URL: &url.URL{Path: path}, Header: http.Header{
		"Accept": {"application/json"}, "User-Agent": {"portico"},
	}}
}

// admits tells whether a caller who is in these groups may use the plugin.
func (p *plugin) admits(caller *identity.Caller, in []groups.Joined) bool {
	m := p.now.Load().manifest
	return caller.IsAdmin || m != nil && m.groups.overlap(in)
}

// usable is the last good manifest. It fails with errs.BadGateway or errs.GatewayTimeout where there never was one.
func (p *plugin) usable() (*manifest, error) {
	now := p.now.Load()
	if now.manifest != nil {
		return now.manifest, nil
	}
	kind := errs.BadGateway
	if now.slow {
		kind = errs.GatewayTimeout
	}
	return nil, errs.New(kind, p.name+" cannot be used: "+now.reason)
}

func (p *plugin) out() PluginOut {
	now := p.now.Load()
	out := PluginOut{ID: p.id, Name: p.name, Status: "available"}
	if now.reason != "" {
		out.Status, out.Reason = "unavailable", &now.reason
	}
	if m := now.manifest; m != nil {
		out.Name, out.Version, out.Description, out.Icon = m.out.Name, m.out.Version, m.out.Description, m.out.Icon
	}
	return out
}

// reasonOf says in words for users why a service could not be asked, or what is wrong with its answer.
func reasonOf(err error) string {
	var e *errs.Error
	switch {
	case !errors.As(err, &e):
		return err.Error()
	case e.Kind == errs.GatewayTimeout:
		return "timed out"
	case e.Kind == errs.BadGateway:
		return "unreachable"
	}
	return e.Detail
}
