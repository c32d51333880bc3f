package settings

import (
	"context"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

// alteration is what the log says of one record of the history: which fields, never their values.
type alteration struct {
	key    string
	fields []string
}

// audit logs what a change has altered, once it is stored.
func (s *Store) audit(ctx context.Context, altered []alteration) {
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

// differing names the fields in which two JSON texts differ, none where one of them is no object.
func differing(before, after *string) []string {
	var a, b map[string]any
	if before == nil || after == nil || json.Unmarshal([]byte(*before), &a) != nil || json.Unmarshal([]byte(*after), &b) != nil {
		return nil
	}
	return differ("", a, b)
}

func differ(path string, a, b map[string]any) []string {
	all := maps.Clone(a)
	maps.Copy(all, b)
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		x, isObject := a[name].(map[string]any)
		y, both := b[name].(map[string]any)
		switch {
		case isObject && both:
			fields = append(fields, differ(path+name+".", x, y)...)
		case !reflect.DeepEqual(a[name], b[name]):
			fields = append(fields, path+name)
		}
	}
	return fields
}
