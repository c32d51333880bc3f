// Package logging writes the log: one record a line, with the request it belongs to, without secrets.
package logging

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/mattn/go-isatty"
)

// New returns a logger. Level is debug, info, warn or error, format text or json; an empty level is info, an empty
// format text when w is a terminal and json otherwise.
//
// Every record is one line: control characters in messages, keys and values are escaped. Attributes with the name of a
// secret are replaced and secrets inside other text are masked; see [Mask]. That is a second net, not leave to log them.
func New(w io.Writer, level, format string) *slog.Logger {
	opts := &slog.HandlerOptions{Level: parseLevel(level), ReplaceAttr: redact}
	if format == "text" || format == "" && IsTerminal(w) {
		return slog.New(newHandler(slog.NewTextHandler(lineWriter{w}, opts)))
	}
	return slog.New(newHandler(slog.NewJSONHandler(lineWriter{w}, opts)))
}

// With returns a context whose attributes, such as request_id and user_id, are added to every record logged with it.
// They follow those the context carries already; one with the same key takes the place of the earlier one.
func With(ctx context.Context, attrs ...slog.Attr) context.Context {
	carried := Attrs(ctx)
	merged := make([]slog.Attr, 0, len(carried)+len(attrs))
	merged = append(merged, carried...)
add:
	for _, attr := range attrs {
		for i := range merged {
			if merged[i].Key == attr.Key {
				merged[i] = attr
				continue add
			}
		}
		merged = append(merged, attr)
	}
	return context.WithValue(ctx, key{}, merged)
}

// Attrs returns the attributes that [With] put into the context, for a goroutine that outlives the request to take along.
// They must not be changed.
func Attrs(ctx context.Context) []slog.Attr {
	attrs, _ := ctx.Value(key{}).([]slog.Attr)
	return attrs
}

type key struct{}

func parseLevel(text string) slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(text)); err != nil {
		return slog.LevelInfo
	}
	return level
}

// IsTerminal tells whether a person sees what is written to w as it comes.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
