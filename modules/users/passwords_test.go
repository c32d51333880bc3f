package users

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
)

func TestReset(t *testing.T) {
	eachHouse(t, func(h *house) {
		ctx := h.t.Context()
		ada, boss := h.register("ada@example.com"), h.register("boss@example.com")
		h.change(boss.ID, "is_superuser", true)
		by := callerOf(h.signIn("boss@example.com", goodPassword))
		const next = "N3w-Passphrase"
		made := func() string {
			h.t.Helper()
			h.rest(ada.ID)
			token, expires, err := h.makeReset(ctx, by, ada.ID)
			require.NoError(h.t, err)
			require.GreaterOrEqual(h.t, len(token), 26, "130 bits")
			require.WithinRange(h.t, expires, time.Now().Add(resetLifetime-time.Minute), time.Now().Add(resetLifetime))
			return token
		}
		refused := func(token, why string) {
			h.t.Helper()
			_, err := h.ResetPassword(ctx, token, next)
			require.EqualError(h.t, err, "Invalid or expired reset token", why)
			require.Equal(h.t, errs.BadRequest, errs.KindOf(err))
		}
		token := made()
		var row PasswordReset
		require.NoError(h.t, h.db.Take(&row).Error)
		require.NotContains(h.t, row.TokenHash, token)
		require.Len(h.t, row.TokenHash, 64)
		h.signIn("ada@example.com", goodPassword) // the old password stays until the token is used

		refused("", "empty")
		refused(row.TokenHash, "the hash is no token")
		refused(token+"A", "more than the token")
		_, err := h.ResetPassword(ctx, token, "weak")
		require.Equal(h.t, errs.Invalid, errs.KindOf(err))

		second := made()
		refused(token, "replaced")
		h.change(ada.ID, "is_active", false)
		refused(second, "inactive")
		h.change(ada.ID, "is_active", true)

		expire := func(at time.Time) {
			require.NoError(h.t, h.db.Model(&PasswordReset{}).Where("user_id = ?", ada.ID).Update("expires_at", at).Error)
		}
		expire(time.Now())
		refused(second, "expired")
		expire(time.Now().Add(time.Minute))
		session, err := h.ResetPassword(ctx, second, next)
		require.NoError(h.t, err)
		require.Equal(h.t, ada.ID, session.UserID)
		refused(second, "used")
		h.signIn("ada@example.com", next)
		_, ok, err := h.SignIn(ctx, "ada@example.com", goodPassword, nothing)
		require.NoError(h.t, err)
		require.False(h.t, ok)

		third := made()
		require.NoError(h.t, h.setPassword(ctx, by, ada.ID, goodPassword))
		refused(third, "a password was set since")
		fourth := made()
		_, ok, err = h.ChangePassword(ctx, callerOf(h.signIn("ada@example.com", goodPassword)), goodPassword, next)
		require.NoError(h.t, err)
		require.True(h.t, ok)
		refused(fourth, "the user has changed the password since")

		require.ErrorContains(h.t, h.setPassword(ctx, by, boss.ID, next), "current one")
		_, _, err = h.makeReset(ctx, by, boss.ID)
		require.ErrorContains(h.t, err, "current one")
		for _, id := range []string{"00000000-0000-4000-8000-000000000000", "x"} {
			require.Equal(h.t, errs.NotFound, errs.KindOf(h.setPassword(ctx, by, id, next)))
			_, _, err = h.makeReset(ctx, by, id)
			require.Equal(h.t, errs.NotFound, errs.KindOf(err))
		}
		fifth := made()
		require.NoError(h.t, h.remove(ctx, by, ada.ID))
		refused(fifth, "deleted")
	})
}

// However often it is sent at once, a token costs one hash and works once.
func TestResetIsUsedOnce(t *testing.T) {
	eachHouse(t, func(h *house) {
		ada, boss := h.register("ada@example.com"), h.register("boss@example.com")
		h.change(boss.ID, "is_superuser", true)
		token, _, err := h.makeReset(h.t.Context(), callerOf(h.signIn("boss@example.com", goodPassword)), ada.ID)
		require.NoError(h.t, err)
		replicas := []*service{h.service, h.replica()}
		const n = 100
		results := make(chan error, n)
		for i := range n {
			go func() {
				_, err := replicas[i%2].ResetPassword(h.t.Context(), token, "N3w-Passphrase")
				results <- err
			}()
		}
		used := 0
		for range n {
			if err := <-results; err == nil {
				used++
			} else {
				require.EqualError(h.t, err, "Invalid or expired reset token")
			}
		}
		require.Equal(h.t, 1, used)
	})
}
