package logging

import (
	"context"
	"log/slog"
	"slices"
)

// handler adds the attributes of the context to each record, at its top level whatever groups are open.
type handler struct {
	root slog.Handler // without the steps
	with slog.Handler // root after all of the steps
	// steps are the calls of WithAttrs and WithGroup so far, from the first group on.
	steps []func(slog.Handler) slog.Handler
}

var _ slog.Handler = (*handler)(nil)

func newHandler(root slog.Handler) *handler { return &handler{root: root, with: root} }

func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.root.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	carried := Attrs(ctx)
	switch {
	case len(carried) == 0:
		return h.with.Handle(ctx, r)
	case len(h.steps) == 0:
		r = r.Clone()
		r.AddAttrs(carried...)
		return h.with.Handle(ctx, r)
	}
	next := h.root.WithAttrs(carried)
	for _, step := range h.steps {
		next = step(next)
	}
	return next.Handle(ctx, r)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	if len(attrs) == 0 {
		return h
	}
	step := func(next slog.Handler) slog.Handler { return next.WithAttrs(attrs) }
	if len(h.steps) == 0 {
		return newHandler(step(h.root))
	}
	return h.then(step)
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.then(func(next slog.Handler) slog.Handler { return next.WithGroup(name) })
}

func (h *handler) then(step func(slog.Handler) slog.Handler) *handler {
	return &handler{root: h.root, with: step(h.with), steps: append(slices.Clip(h.steps), step)}
}
