package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/fx"
	"golang.org/x/sync/errgroup"

	"portico.internal/platform/database"
	"portico.internal/platform/identity"
	"portico.internal/platform/module"
	"portico.internal/platform/tracing"
	"portico.internal/platform/web"
)

const (
	startTimeout = time.Minute
	stopTimeout  = 10 * time.Second
	clientStall  = time.Minute
)

// serve runs the gateway until ctx ends. The order is a promise: settings, files, database, schema, modules, then the
// doors; and back in the same order, doors first.
func (p *program) serve(ctx context.Context) (err error) {
	g, err := p.open(ctx, p.Modules)
	if err != nil {
		return err
	}
	defer database.Close(g.db)
	tracer, err := tracing.New(ctx, func(name string) string { return lookup(p.Environ, name) }, Version(), g.log)
	if err != nil {
		return err
	}
	defer tracer.Close(context.WithoutCancel(ctx))
	doors, err := g.doors()
	if err != nil {
		return err
	}
	defer doors.close()
	if doors.internal != nil {
		g.internal = doors.internal.Addr().String()
	}
	if err := g.migrate(ctx); err != nil {
		return err
	}
	features, err := g.startFeatures(ctx, p.Features)
	if err != nil {
		return err
	}
	defer g.services.Close()
	defer func() { err = errors.Join(err, features.stop(ctx)) }() // where the start fails; else they have stopped by then

	var gathered module.Gathered
	var authenticator identity.Authenticator
	graph, err := g.build(p, fx.Invoke(func(all module.Gathered, a identity.Authenticator) { gathered, authenticator = all, a }))
	if err != nil {
		return err
	}
	health := &web.Health{Logger: g.log, Checks: append([]web.Probe{
		{Name: "database", Run: func(ctx context.Context) error { return g.db.WithContext(ctx).Exec("SELECT 1").Error }},
		{Name: "schema", Run: func(ctx context.Context) error { return g.plan.Usable(ctx, g.db) }},
	}, gathered.Probes...)}
	public, err := web.New(web.Options{
		Routes: append(gathered.Routes, health.Routes()), Authenticator: authenticator, Logger: g.log, Explain: database.Classify,
		Title: "Portico", Version: Version(), TrustedProxies: g.base.HTTP.TrustedProxies, CORSOrigins: g.base.HTTP.CORSOrigins,
		Metrics: door(g.metrics, "public"), Tracer: tracer, Stall: clientStall,
	})
	if err != nil {
		return err
	}
	internal, err := web.New(web.Options{
		Routes:        append(gathered.Internal, metricsRoutes(promhttp.HandlerFor(g.metrics, promhttp.HandlerOpts{}))),
		Authenticator: serviceToken(g.base.ServiceToken), Logger: g.log, Explain: database.Classify,
		Metrics: door(g.metrics, "internal"), Tracer: tracer, TrustTraces: true,
	})
	if err != nil {
		return err
	}
	if err := graph.Start(ctx); err != nil {
		return err
	}
	listening, deafen := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup
	background.Go(func() { g.feed.Run(listening) })
	background.Go(func() { keepSmall(listening) })
	defer background.Wait()
	defer deafen()
	g.log.InfoContext(ctx, "listening", "public", address(doors.public), "internal", address(doors.internal), "version", Version())
	fmt.Fprintf(p.Stdout, "Portico %s listens on http://%s and keeps its data in %s\n", Version(), doors.public.Addr(), g.base.DataDir)
	g.summarize(ctx, p.Stdout, doors, gathered.Summary)
	err = g.answer(ctx, doors, health, public, internal)
	// The doors are shut and nobody waits any more: now the rest may go.
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(err, features.stop(rest), graph.Stop(rest))
}

// answer serves both doors until ctx ends or one of them breaks. Then the gateway is not ready, from the first moment of
// the delay on.
func (g *gateway) answer(ctx context.Context, d *doors, health *web.Health, public, internal http.Handler) error {
	group, ctx := errgroup.WithContext(ctx)
	stop := web.Stop{Delay: g.base.HTTP.ShutdownDelay, Grace: g.base.HTTP.ShutdownGrace}
	context.AfterFunc(ctx, func() {
		health.Stop()
		g.log.Info("stopping", "delay", stop.Delay.String(), "grace", stop.Grace.String())
	})
	needed, last := context.WithCancel(context.WithoutCancel(ctx)) // by the requests at the public door, until the last has ended
	group.Go(func() error {
		defer last()
		return web.Serve(ctx, d.public, public, stop, g.log)
	})
	if d.internal != nil {
		group.Go(func() error { return web.Serve(needed, d.internal, internal, web.Stop{Grace: stop.Grace}, g.log) })
	}
	return group.Wait()
}

// doors are the listeners. They are bound before anything slow happens, so that a port in use is told at once.
type doors struct{ public, internal net.Listener }

func (g *gateway) doors() (*doors, error) {
	d := &doors{}
	var err error
	if d.public, err = listen("listen (PORTICO_LISTEN)", g.base.Listen); err != nil {
		return nil, err
	}
	if g.base.InternalListen != "" {
		if d.internal, err = listen("internal_listen (PORTICO_INTERNAL_LISTEN)", g.base.InternalListen); err != nil {
			d.close()
			return nil, err
		}
	}
	return d, nil
}

func address(l net.Listener) string {
	if l == nil {
		return "off"
	}
	return l.Addr().String()
}

func (d *doors) close() {
	_ = d.public.Close()
	if d.internal != nil {
		_ = d.internal.Close()
	}
}

func listen(setting, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, fmt.Errorf("%s: cannot listen on %s: %w; free it or choose another address", setting, address, err)
	}
	return l, nil
}
