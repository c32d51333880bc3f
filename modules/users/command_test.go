package users

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	order "portico.internal/migrations"
	"portico.internal/platform/app"
	"portico.internal/platform/errs"
	"portico.internal/platform/module"
)

func TestEnsureAdmin(t *testing.T) {
	eachHouse(t, func(h *house) {
		ctx := h.t.Context()
		h.register("ada@example.com")
		_, _, err := h.EnsureAdmin(ctx, "ada@example.com", goodPassword)
		require.EqualError(h.t, err, "Email already registered", "anybody may have made that account")
		h.change(h.register("old@example.com").ID, "email", "Old@example.com")
		h.change(h.register("older@example.com").ID, "email_key", nil)
		for _, email := range []string{"old@example.com", "Older@example.com"} {
			_, _, err := h.EnsureAdmin(ctx, email, goodPassword)
			require.EqualError(h.t, err, "Email already registered", email)
		}
		_, _, err = h.EnsureAdmin(ctx, "boss@example.com", "weak")
		require.Equal(h.t, errs.Invalid, errs.KindOf(err))

		shown, made, err := h.EnsureAdmin(ctx, "Boss@example.com", "")
		require.NoError(h.t, err)
		require.True(h.t, made)
		session, ok, err := h.SignIn(ctx, "boss@example.com", shown, nothing)
		require.NoError(h.t, err)
		require.True(h.t, ok)
		caller, err := h.Identity(ctx, session.UserID, time.Now())
		require.NoError(h.t, err)
		require.True(h.t, caller.IsAdmin)

		for _, password := range []string{"", goodPassword, "weak"} {
			shown, made, err = h.EnsureAdmin(ctx, "other@example.com", password)
			require.NoError(h.t, err)
			require.False(h.t, made)
			require.Empty(h.t, shown)
		}
	})
}

func TestReplicasMakeOneFirstAdmin(t *testing.T) {
	eachHouse(t, func(h *house) {
		const n = 5
		made := make(chan bool, n)
		var wg sync.WaitGroup
		for i := range n {
			replica := h.replica()
			wg.Go(func() {
				_, ok, err := replica.EnsureAdmin(h.t.Context(), string(rune('a'+i))+"@example.com", goodPassword)
				require.NoError(h.t, err)
				made <- ok
			})
		}
		wg.Wait()
		count := 0
		for range n {
			if <-made {
				count++
			}
		}
		require.Equal(h.t, 1, count)
		var rows int64
		require.NoError(h.t, h.db.Model(&User{}).Count(&rows).Error)
		require.EqualValues(h.t, 1, rows)
	})
}

// portico runs a command of the whole program on the database.
func (h *house) portico(stdin string, args ...string) (code int, stdout, stderr string) {
	h.t.Helper()
	var out, problems bytes.Buffer
	code = app.Run(context.Background(), app.Spec{Modules: []module.Module{WithCost(bcrypt.MinCost)}, Chain: order.Chain}, app.Process{
		Args: args, Stdin: strings.NewReader(stdin), Stdout: &out, Stderr: &problems,
		Environ: []string{"DATABASE_URL=" + h.url, "PORTICO_DATA_DIR=" + h.t.TempDir(), "PORTICO_LOG_LEVEL=debug"},
	})
	return code, out.String(), problems.String()
}

func TestAdminCommands(t *testing.T) {
	eachHouse(t, func(h *house) {
		signIn := func(email, password string) *User {
			session, ok, err := h.SignIn(h.t.Context(), email, password, nothing)
			require.NoError(h.t, err)
			require.True(h.t, ok)
			u := h.stored(session.UserID)
			return &u
		}

		code, out, problems := h.portico("", "admin", "create", "--email", "Boss@Example.com", "--full-name", " The <b>Boss</b> ")
		require.Zero(h.t, code, problems)
		made := regexp.MustCompile(`^Created the administrator boss@example\.com\nPassword: (\S{20})\n$`).FindStringSubmatch(out)
		require.NotNil(h.t, made, out)
		require.NotContains(h.t, problems, made[1], "the log")
		boss := signIn("boss@example.com", made[1])
		require.True(h.t, boss.IsSuperuser)
		require.Equal(h.t, "The Boss", *boss.FullName)

		code, out, problems = h.portico(goodPassword+"\r\n", "admin", "create", "--email", "second@example.com", "--password-stdin")
		require.Zero(h.t, code, problems)
		require.Equal(h.t, "Created the administrator second@example.com\n", out)
		require.True(h.t, signIn("second@example.com", goodPassword).IsSuperuser)

		h.register("ada@example.com")
		code, out, problems = h.portico("", "admin", "reset-password", "--email", "ADA@example.com")
		require.Zero(h.t, code, problems)
		reset := regexp.MustCompile(`^Changed the password of ada@example\.com\nPassword: (\S{20})\n$`).FindStringSubmatch(out)
		require.NotNil(h.t, reset, out)
		require.False(h.t, signIn("ada@example.com", reset[1]).IsSuperuser)
		_, ok, err := h.SignIn(h.t.Context(), "ada@example.com", goodPassword, nothing)
		require.NoError(h.t, err)
		require.False(h.t, ok, "the old password is gone")

		code, out, problems = h.portico("N3w-Passphrase", "admin", "reset-password", "--email", "ada@example.com", "--password-stdin")
		require.Zero(h.t, code, problems)
		require.Equal(h.t, "Changed the password of ada@example.com\n", out)
		signIn("ada@example.com", "N3w-Passphrase")

		for _, c := range []struct {
			stdin, want string
			args        []string
		}{
			{"", "portico: Email already registered\n", []string{"create", "--email", "ada@example.com"}},
			{"", "portico: value is not a valid email address: An email address must have an @-sign.\n", []string{"create", "--email", "ada"}},
			{"", `portico: required flag(s) "email" not set` + "\n", []string{"create"}},
			{"weak", "portico: Password must be at least 8 characters\n", []string{"create", "--email", "eve@example.com", "--password-stdin"}},
			{"one\ntwo\n", "portico: --password-stdin: there is more than one line\n", []string{"create", "--email", "eve@example.com", "--password-stdin"}},
			{"", "portico: there is no account with the address eve@example.com\n", []string{"reset-password", "--email", "eve@example.com"}},
			{"", "portico: unknown flag: --password\n", []string{"create", "--email", "eve@example.com", "--password", goodPassword}},
		} {
			code, out, problems := h.portico(c.stdin, append([]string{"admin"}, c.args...)...)
			require.Equal(h.t, 1, code)
			require.Empty(h.t, out)
			require.True(h.t, strings.HasSuffix(problems, c.want), problems)
			require.NotContains(h.t, problems, goodPassword)
		}
	})
}
