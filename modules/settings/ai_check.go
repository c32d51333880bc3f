package settings

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"portico.internal/platform/ai"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

// maxTests is how many tests run at once. Each may take the 10 s of [ai.Client.Check].
const maxTests = 4

func (a *aiSettings) postTest(ctx context.Context, in *struct{ Body *aiUpdate }) (*aiTestOut, error) {
	select {
	case a.tests <- struct{}{}:
		defer func() { <-a.tests }()
	default:
		return nil, errs.New(errs.Unavailable, "Too many AI tests are under way").Retry(2 * time.Second)
	}
	v, err := a.setting.Read(ctx)
	if err != nil {
		return nil, err
	}
	if in.Body != nil {
		if err := a.apply(&v.Is, in.Body); err != nil {
			return nil, err
		}
	}
	return a.test(ctx, &v.Is), nil
}

// test calls the chosen provider. What the operator learns of a failure, the admin may not: whether a port is open.
func (a *aiSettings) test(ctx context.Context, v *aiDocument) *aiTestOut {
	out := &aiTestOut{Provider: v.Provider}
	if v.Provider == nil {
		out.Detail = "No AI provider is chosen"
		return out
	}
	out.Model = v.Providers.of(*v.Provider).Model
	endpoint, err := a.endpoint(v)
	if err != nil {
		out.Detail = unusable(err)
		return out
	}
	began := time.Now()
	err = a.client.Check(ctx, endpoint)
	took := time.Since(began).Milliseconds()
	out.OK, out.Detail = err == nil, "OK"
	if err != nil {
		out.Detail = err.Error()
	}
	if answered(err) {
		out.LatencyMS = &took
	}
	attrs := []slog.Attr{
		slog.String("actor", identity.From(ctx).ID), slog.String("provider", string(*v.Provider)), slog.Bool("ok", out.OK),
		slog.String("address", web.ClientAddr(ctx)),
	}
	if cause := errors.Unwrap(err); cause != nil {
		attrs = append(attrs, slog.Any("cause", cause))
	}
	a.log.LogAttrs(ctx, slog.LevelInfo, "AI tested", attrs...)
	return out
}

// answered tells whether what came back was in the provider's form.
func answered(err error) bool {
	var f *ai.Failure
	if !errors.As(err, &f) {
		return err == nil
	}
	switch f.Kind {
	case ai.NotConfigured, ai.Refused, ai.Unreachable:
		return false
	default:
		return true
	}
}
