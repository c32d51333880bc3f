package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"portico.internal/platform/logging"
)

// record logs with f and returns the one line that comes out, decoded.
func record(t require.TestingT, f func(*slog.Logger)) map[string]any {
	var out bytes.Buffer
	f(logging.New(&out, "debug", "json"))
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")), "%q", out.String())
	var fields map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &fields), "%q", out.String())
	return fields
}

func TestLevels(t *testing.T) {
	for level, want := range map[string]string{"debug": "debug info warn error", "info": "info warn error", "": "info warn error", "warn": "warn error", "error": "error"} {
		var out bytes.Buffer
		logger := logging.New(&out, level, "json")
		logger.Debug("debug")
		logger.Info("info")
		logger.Warn("warn")
		logger.Error("error")
		var got []string
		for line := range strings.Lines(out.String()) {
			var fields struct{ Msg string }
			require.NoError(t, json.Unmarshal([]byte(line), &fields))
			got = append(got, fields.Msg)
		}
		require.Equal(t, want, strings.Join(got, " "), level)
	}
}

func TestFormats(t *testing.T) {
	write := func(format string) string {
		var out bytes.Buffer
		logging.New(&out, "", format).Info("hello", "n", 1)
		return out.String()
	}
	require.Contains(t, write("text"), "level=INFO msg=hello n=1\n")
	require.Contains(t, write("json"), `"level":"INFO","msg":"hello","n":1}`)
	require.Contains(t, write(""), `{"time":`, "not a terminal")

	file, err := os.CreateTemp(t.TempDir(), "log")
	require.NoError(t, err)
	defer file.Close()
	logging.New(file, "", "").Info("hello")
	content, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	require.Contains(t, string(content), `"msg":"hello"`, "a file is no terminal")
}

func TestContextAttributes(t *testing.T) {
	ctx := logging.With(context.Background(), slog.String("request_id", "r1"))
	signedIn := logging.With(ctx, slog.String("user_id", "u1"))
	renamed := logging.With(signedIn, slog.String("request_id", "r2"), slog.Int("try", 2))

	ids := func(ctx context.Context) []any {
		got := record(t, func(l *slog.Logger) { l.InfoContext(ctx, "m", "n", 1) })
		return []any{got["request_id"], got["user_id"], got["try"], got["n"]}
	}
	require.Equal(t, []any{nil, nil, nil, 1.0}, ids(context.Background()))
	require.Equal(t, []any{"r1", nil, nil, 1.0}, ids(ctx))
	require.Equal(t, []any{"r1", "u1", nil, 1.0}, ids(signedIn))
	require.Equal(t, []any{"r2", "u1", 2.0, 1.0}, ids(renamed))
	require.Equal(t, []slog.Attr{slog.String("request_id", "r1")}, logging.Attrs(ctx), "the first context is as it was")
	require.Empty(t, logging.Attrs(context.Background()))
}

// What belongs to the request stays at the top, whatever groups a logger has open.
func TestContextAttributesOutsideGroups(t *testing.T) {
	ctx := logging.With(context.Background(), slog.String("request_id", "r1"))
	got := record(t, func(l *slog.Logger) {
		l = l.With("module", "groups").WithGroup("").WithGroup("query").With("table", "groups")
		_ = l.With("other", "branch")
		l.WithGroup("rows").InfoContext(ctx, "m", "n", 1)
	})
	delete(got, "time")
	require.Equal(t, map[string]any{"level": "INFO", "msg": "m", "module": "groups", "request_id": "r1",
		"query": map[string]any{"table": "groups", "rows": map[string]any{"n": 1.0}}}, got)

	got = record(t, func(l *slog.Logger) { l.WithGroup("rows").Info("m", "n", 1) })
	require.Equal(t, map[string]any{"n": 1.0}, got["rows"])
}

// Two loggers that come from one must not write over each other's attributes.
func TestLoggersWithGroupsDoNotShare(t *testing.T) {
	ctx := logging.With(context.Background(), slog.String("request_id", "r1"))
	got := record(t, func(l *slog.Logger) {
		l = l.WithGroup("g").With("a", 1).With("b", 2)
		first := l.With("who", "first")
		l.With("who", "second")
		first.InfoContext(ctx, "m")
	})
	require.Equal(t, "first", got["g"].(map[string]any)["who"])
}

// A record is one line, and no part of it can move the cursor of a terminal.
func TestHostileText(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"a\nlevel=ERROR msg=forged", "a\r\nb", "\x1b[2J", "\u009b31m", "\x7f", "\u202eevil", "\u2028", "\x00", "\xff\xfe", "\U000e0041", `"} {"x":"`, "é 漢 🙂",
	}))
	rapid.Check(t, func(r *rapid.T) {
		key, value, message, group := text.Draw(r, "key"), text.Draw(r, "value"), text.Draw(r, "message"), text.Draw(r, "group")
		ctx := logging.With(context.Background(), slog.String("request_id", value))
		for _, format := range []string{"json", "text"} {
			var out bytes.Buffer
			logger := logging.New(&out, "", format)
			logger.WithGroup(group).ErrorContext(ctx, message, key, value, "err", errors.New(value), "any", map[string]string{key: value})
			line := strings.TrimSuffix(out.String(), "\n")
			require.Len(r, line, out.Len()-1)
			for _, c := range line {
				require.True(r, unicode.IsPrint(c), "%q in %q", c, line)
			}
			if format == "json" {
				require.True(r, json.Valid([]byte(line)), line)
			}
		}
	})
}

func TestPlainTextIsKept(t *testing.T) {
	const text = "é 漢 🙂 <a&b> \\ tab\there"
	got := record(t, func(l *slog.Logger) {
		l.Info(text, "v", text, "e", fmt.Errorf("x: %s", text), "raw", []byte(text), "at", time.Unix(0, 0).UTC(), "big", []int64{1 << 60})
	})
	require.Equal(t, []any{text, text, "x: " + text, text}, []any{got["msg"], got["v"], got["e"], got["raw"]})
	require.Equal(t, "1970-01-01T00:00:00Z", got["at"])
	require.Equal(t, text+"\u009b", record(t, func(l *slog.Logger) { l.Info(text + "\u009b") })["msg"], "escaping changes the line, not what it says")
}

func TestLinesStayWholeUnderConcurrency(t *testing.T) {
	var out bytes.Buffer
	logger := logging.New(&out, "", "json")
	ctx := logging.With(context.Background(), slog.String("request_id", "r"))
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 50 {
				logger.InfoContext(ctx, "\u009b", "pad", strings.Repeat("x", 200))
			}
		})
	}
	wait.Wait()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 400)
	for _, line := range lines {
		require.True(t, json.Valid([]byte(line)), line)
	}
}
