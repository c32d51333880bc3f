package settings

import (
	"context"
	"log/slog"
	"strings"

	"portico.internal/platform/audit"
	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

// alteration is what the log says of one record of the history: which fields, never their values.
type alteration struct {
	key    string
	fields []string
}

// note logs what a change has altered, once it is stored.
func (s *Store) note(ctx context.Context, altered []alteration) {
	for _, a := range altered {
		attrs := []slog.Attr{slog.String("key", a.key), slog.String("fields", strings.Join(a.fields, " ")), slog.String("address", web.ClientAddr(ctx))}
		if caller := identity.From(ctx); caller != nil {
			attrs = append(attrs, slog.String("actor", caller.ID))
		}
		if r, ok := ctx.Value(restoringKey{}).(*restoring); ok {
			attrs = append(attrs, slog.String("restored_from", r.from))
		}
		s.log.LogAttrs(ctx, slog.LevelInfo, "setting changed", attrs...)
	}
}

// eventOf is a change of a value as the audit log has it.
func eventOf(key string, before, after any) audit.Event {
	id, isTheme := strings.CutPrefix(key, themePrefix)
	if !isTheme {
		return audit.Event{Action: "settings.changed", Target: audit.Target{Type: "setting", ID: key}}
	}
	e := audit.Event{Action: "theme.changed", Target: audit.Target{Type: "theme", ID: id}}
	switch {
	case before == nil:
		e.Action = "theme.created"
	case after == nil:
		e.Action = "theme.deleted"
	}
	for _, v := range []any{before, after} {
		if theme, ok := v.(themeValue); ok {
			e.Target.Name = theme.Label
		}
	}
	return e
}
