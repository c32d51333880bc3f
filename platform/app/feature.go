package app

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"portico.internal/platform/config"
	"portico.internal/platform/errs"
	"portico.internal/platform/feature"
	"portico.internal/platform/identity"
	"portico.internal/platform/upstream"
	"portico.internal/platform/web"
)

// features are the services in this process.
type features struct{ stops []func(context.Context) error }

// here are the features that run in this process: those that the configuration does not name as being elsewhere.
func (g *gateway) here(list []feature.Feature) []feature.Feature {
	return slices.DeleteFunc(slices.Clone(list), func(f feature.Feature) bool {
		return slices.ContainsFunc(g.base.Services, func(s config.Service) bool { return s.ID == f.Service.ID })
	})
}

// startFeatures starts the services that run in this process, and makes the registry.
func (g *gateway) startFeatures(ctx context.Context, list []feature.Feature) (*features, error) {
	running := &features{}
	for _, f := range g.here(list) {
		service, err := running.start(ctx, g, f)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", f.Service.ID, err), running.stop(ctx))
		}
		g.base.Services = append(g.base.Services, service)
		g.own = append(g.own, service.ID)
	}
	var err error
	if g.services, err = upstream.NewRegistry(g.base.Services); err != nil {
		return nil, errors.Join(err, running.stop(ctx))
	}
	g.metrics.MustRegister(g.services)
	return running, nil
}

func (g *gateway) featureEnv(id string) feature.Env {
	env := feature.Env{
		DataDir: filepath.Join(g.base.DataDir, id), Logger: g.log.With("service", id),
		Migrate: g.base.Database.Migrate == "auto", Executable: g.executable,
	}
	if g.internal != "" {
		env.Gateway = feature.Gateway{URL: "http://" + g.internal, Token: g.base.ServiceToken}
	}
	if url := g.base.Database.URL; !strings.HasPrefix(url, "sqlite:") {
		env.DatabaseURL = url
	}
	return env
}

// migrateFeatures brings the schemas of the services in this process up to date.
func (g *gateway) migrateFeatures(ctx context.Context, list []feature.Feature) error {
	for _, f := range g.here(list) {
		env := g.featureEnv(f.Service.ID)
		env.Migrate = true
		run, err := f.Start(ctx, env)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Service.ID, err)
		}
		if err := run.Close(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (f *features) start(ctx context.Context, g *gateway, ft feature.Feature) (config.Service, error) {
	service := ft.Service
	env := g.featureEnv(service.ID)
	run, err := ft.Start(ctx, env)
	if err != nil {
		return service, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return service, errors.Join(err, run.Close(ctx))
	}
	service.URL = "http://" + l.Addr().String()
	serving, end := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- web.Serve(serving, l, run.Handler(), web.Stop{Grace: stopTimeout}, env.Logger) }()
	f.stops = append(f.stops, func(ctx context.Context) error {
		end()
		return errors.Join(<-done, run.Close(ctx))
	})
	return service, nil
}

func (f *features) stop(ctx context.Context) error {
	var problems []error
	for _, stop := range f.stops {
		problems = append(problems, stop(ctx))
	}
	f.stops = nil
	return errors.Join(problems...)
}

// serviceToken lets in whoever shows the token.
type serviceToken string

var _ identity.Authenticator = serviceToken("")

func (t serviceToken) Authenticate(r *http.Request) (*identity.Caller, error) {
	scheme, shown, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer"):
		return nil, errs.New(errs.Unauthenticated, "Not authenticated")
	case subtle.ConstantTimeCompare([]byte(shown), []byte(t)) != 1:
		return nil, errs.New(errs.Unauthenticated, "Could not validate credentials")
	}
	return &identity.Caller{ID: "service"}, nil
}
