package logging_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/logging"
)

// canary stands for a secret: it may be in no line, at any level, in either format.
const canary = "c4n4ryc4n4ryc4n4ryc4n4ry"

// lines returns what f logs in both formats.
func lines(f func(*slog.Logger)) string {
	var out bytes.Buffer
	for _, format := range []string{"json", "text"} {
		f(logging.New(&out, "debug", format))
	}
	return out.String()
}

func TestAttributesWithTheNameOfASecret(t *testing.T) {
	for _, name := range []string{
		"password", "Password", "hashed_password", "new-password", "passwd", "pwd", "passphrase", "token", "access_token", "service_token",
		"Authorization", "api_key", "apiKey", "API-KEY", "x-api-key", "secret", "secret_key", "SecretAccessKey", "aws.secret.access.key",
		"private_key", "JWT_PRIVATE_KEY", "cookie", "Set-Cookie", "dsn", "DATABASE_URL", "credentials", "account_key",
	} {
		got := lines(func(l *slog.Logger) {
			l.Info("m", name, canary)
			l.With(name, canary).Info("m")
			l.Info("m", name, errors.New(canary))
			l.Info("m", name, []byte(canary))
			l.Info("m", slog.Group(name, "value", canary))
			l.WithGroup(name).Info("m", "value", canary)
			l.Info("m", "fields", map[string]any{name: []any{canary, map[string]any{"inner": canary}}})
			l.Info("m", name, []string{canary})
			l.InfoContext(logging.With(context.Background(), slog.String(name, canary)), "m")
		})
		require.NotContains(t, got, canary, name)
		require.Equal(t, 18, strings.Count(got, "\n"))
	}
}

func TestOtherAttributesAreKept(t *testing.T) {
	for _, name := range []string{"user_id", "email", "key", "path", "status", "groups", "sha256", "database"} {
		require.Equal(t, 2, strings.Count(lines(func(l *slog.Logger) { l.Info("m", name, canary) }), canary), name)
	}
	got := record(t, func(l *slog.Logger) { l.Info("m", "max_tokens", 512, "password_set", true, "token", "") })
	require.Equal(t, []any{512.0, true, ""}, []any{got["max_tokens"], got["password_set"], got["token"]}, "numbers and truth values are no secrets")
}

type account struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Note     string
	Keys     map[string]string
}

type late struct{ text string }

func (l late) LogValue() slog.Value { return slog.StringValue(l.text) }

type unencodable struct {
	Password string
	Stop     chan int
}

func TestSecretsInsideValues(t *testing.T) {
	a := account{Email: "a@b.c", Password: canary, Note: "Bearer " + canary, Keys: map[string]string{"api_key": canary}}
	got := lines(func(l *slog.Logger) {
		l.Info("m", "account", a)
		l.Info("m", "account", &a)
		l.Info("m", "accounts", []account{a})
		l.Info("m", "late", late{"password=" + canary})
		l.Info("m", "v", unencodable{Password: canary})
		l.Error("login failed: password="+canary, "err", fmt.Errorf("dial: %w", errors.New("postgres://u:"+canary+"@db/x")))
		l.Info("m", "raw", json.RawMessage(`{"token":"`+canary+`"}`))
		l.Info("m", slog.Group("outer", slog.Group("inner", "note", "token="+canary)))
	})
	require.NotContains(t, got, canary)
	require.Contains(t, got, `"email":"a@b.c"`)
	require.Equal(t, canary, a.Password, "the value itself is as it was")
	require.Equal(t, canary, a.Keys["api_key"])
}

func TestMask(t *testing.T) {
	const r = "[redacted]"
	pem := "-----BEGIN RSA PRIVATE KEY-----\n" + canary + "\n-----END RSA PRIVATE KEY-----"
	for text, want := range map[string]string{
		"key " + pem + " end": "key " + r + " end",
		"key " + strings.ReplaceAll(pem, "\n", `\n`) + " and " + pem:                "key " + r + " and " + r,
		"cut -----BEGIN PRIVATE KEY-----\n" + canary:                                "cut " + r,
		"-----begin private key-----" + canary:                                      r,
		"got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIx" + canary + "." + canary + "-_x, no": "got " + r + ", no",
		"eyJhbGciOiJub25lIn0." + canary + ".":                                       r,
		"authorization: bearer " + canary + " was refused":                          "authorization: bearer " + r + " was refused",
		"Basic " + canary + "==":                                                    "Basic " + r,
		"postgres://portico:" + canary + "@db:5432/x?sslmode=disable":               "postgres://portico:" + r + "@db:5432/x?sslmode=disable",
		"postgresql+asyncpg://u:" + canary + "/@" + canary + "#@db/x failed":        "postgresql+asyncpg://u:" + r + "@db/x failed",
		"postgres://:" + canary + "@db":                                             "postgres://:" + r + "@db",
		"host=db user=u password=" + canary + " sslmode=disable":                    "host=db user=u password=" + r + " sslmode=disable",
		"password='" + canary + " " + canary + "' host=db":                          "password=" + r + " host=db",
		"/x?access_token=" + canary + "&page=2":                                     "/x?access_token=" + r + "&page=2",
		`{"email":"a@b.c","password": "` + canary + `\"` + canary + `","n":1}`:      `{"email":"a@b.c","password": "` + r + `","n":1}`,
		`{"apiKey":"` + canary:                                                      `{"apiKey":"` + r + `"`,
		"hash $2b$13$abcdefghijklmnopqrstuu./cdefghijklmnopqrstuvwxyzABCDE.":        "hash " + r + ".",
		"with sk-ant-api03-" + canary:                                               "with " + r,
		"":                                                                          "",
		"plain text: a@b.c, $20, basic needs, bearer of news, task-force":           "plain text: a@b.c, $20, basic needs, bearer of news, task-force",
		"http://127.0.0.1:8000/a and http://b:90/c":                                 "http://127.0.0.1:8000/a and http://b:90/c",
		"auth.admin_password (PORTICO_ADMIN_PASSWORD): must be set":                 "auth.admin_password (PORTICO_ADMIN_PASSWORD): must be set",
		"https://example.com/@user":                                                 "https://example.com/@user",
	} {
		require.Equal(t, want, logging.Mask(text))
	}
}

// Masks run on every string that is logged; a hostile one must not stall the log.
func BenchmarkMask(b *testing.B) {
	for name, text := range map[string]string{
		"short": "0198f3c2-7a51-7c1e-9b1e-1c2d3e4f5a6b",
		"path":  "/api/documents/0198f3c2-7a51-7c1e-9b1e-1c2d3e4f5a6b/content?inline=1",
		"large": strings.Repeat("://a:-----begin eyJ bearer ", 40_000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				logging.Mask(text)
			}
		})
	}
}

func BenchmarkRequest(b *testing.B) {
	logger := logging.New(discard{}, "", "json")
	ctx := logging.With(context.Background(), slog.String("request_id", "0198f3c2-7a51-7c1e-9b1e-1c2d3e4f5a6b"))
	for b.Loop() {
		logger.LogAttrs(ctx, slog.LevelInfo, "request", slog.String("method", "GET"), slog.String("path", "/api/users/me"),
			slog.Int("status", 200), slog.String("address", "127.0.0.1"), slog.String("user_id", "0198f3c2-7a51-7c1e-9b1e-1c2d3e4f5a6b"))
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
