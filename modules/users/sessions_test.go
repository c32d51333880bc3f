package users

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
)

// Whatever the order and the times, an end of the sessions leaves no token over, and a new one is good at once.
func TestNoTokenOutlivesAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		u := &User{}
		now := time.Unix(1_700_000_000, 0)
		var out []time.Time // when the tokens that are out say they were issued
		issue := func(since time.Time) {
			require.Zero(t, since.Nanosecond())
			require.False(t, u.ended(since), "a new token is good")
			require.LessOrEqual(t, since.Sub(now), time.Second, "and accepted at once, also by a clock that is a second behind")
			require.Less(t, now.Sub(since), time.Second)
			out = append(out, since)
		}
		end := func() {
			after := cutoff(u, now)
			require.False(t, u.TokensValidAfter != nil && after.Before(*u.TokensValidAfter), "never goes back")
			u.TokensValidAfter = &after
			for _, since := range out {
				require.True(t, u.ended(since), "issued for %v, ended at %v by %v", since, now, after)
			}
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 1500).Draw(t, "ms")) * time.Millisecond)
			switch rapid.SampledFrom([]string{"sign in", "end", "restart"}).Draw(t, "step") {
			case "sign in":
				now = now.Add(max(0, pending(u, now)-time.Second))
				issue(sessionAt(u, now).Since)
			case "end":
				end()
			case "restart":
				now = now.Add(max(0, pending(u, now)))
				end()
				issue(*u.TokensValidAfter)
			}
		}
	})
}

func callerOf(s Session) *identity.Caller { return &identity.Caller{ID: s.UserID, Since: s.Since} }

// rest makes it a while since the sessions of a user were ended, so that nothing has to wait for the next second.
func (h *house) rest(id string) {
	h.change(id, "tokens_valid_after", nil)
	h.accounts.Invalidate(id)
}

func (h *house) signIn(email, password string) Session {
	h.t.Helper()
	session, ok, err := h.SignIn(h.t.Context(), email, password, nothing)
	require.NoError(h.t, err)
	require.True(h.t, ok)
	return session
}

// requireEnded asks every way in that takes a session.
func (h *house) requireEnded(s Session, password string) {
	h.t.Helper()
	ctx := h.t.Context()
	_, err := h.Identity(ctx, s.UserID, s.Since)
	require.Equal(h.t, errs.NotFound, errs.KindOf(err))
	_, err = h.EndSessions(ctx, callerOf(s))
	require.Equal(h.t, errs.NotFound, errs.KindOf(err), "it must not live on in a fresh token")
	_, _, err = h.ChangePassword(ctx, callerOf(s), password, goodPassword)
	require.Equal(h.t, errs.NotFound, errs.KindOf(err))
}

func (h *house) requireAlive(s Session) {
	h.t.Helper()
	_, err := h.Identity(h.t.Context(), s.UserID, s.Since)
	require.NoError(h.t, err)
}

func TestWhatEndsSessions(t *testing.T) {
	eachHouse(t, func(h *house) {
		ctx, other := h.t.Context(), h.replica()
		ada, boss := h.register("ada@example.com"), h.register("boss@example.com")
		h.change(boss.ID, "is_superuser", true)
		by := callerOf(h.signIn("boss@example.com", goodPassword))
		const next = "N3w-Passphrase"
		yes, no := func(bool) bool { return true }, func(bool) bool { return false }
		password := goodPassword
		ends := func(how func(session Session) (goesOn *Session, err error)) {
			h.t.Helper()
			h.rest(ada.ID)
			session, second := h.signIn("ada@example.com", password), h.signIn("ada@example.com", password)
			h.requireAlive(session)
			goesOn, err := how(session)
			require.NoError(h.t, err)
			h.requireEnded(session, password)
			h.requireEnded(second, password)
			if goesOn != nil {
				h.requireAlive(*goesOn)
			}
		}
		ends(func(s Session) (*Session, error) {
			fresh, err := h.EndSessions(ctx, callerOf(s))
			return &fresh, err
		})
		ends(func(s Session) (*Session, error) {
			fresh, ok, err := h.ChangePassword(ctx, callerOf(s), password, next)
			require.True(h.t, ok)
			password = next
			return &fresh, err
		})
		ends(func(Session) (*Session, error) {
			password = goodPassword
			return nil, h.setPassword(ctx, by, ada.ID, goodPassword)
		})
		var token string
		ends(func(Session) (*Session, error) {
			var err error
			token, _, err = h.makeReset(ctx, by, ada.ID)
			return nil, err
		})
		ends(func(Session) (*Session, error) {
			fresh, err := h.ResetPassword(ctx, token, next)
			password = next
			return &fresh, err
		})
		ends(func(Session) (*Session, error) {
			defer h.accounts.Invalidate(ada.ID) // what a command at the machine does shows within a second
			_, err := other.resetPassword(ctx, "ada@example.com", next)
			return nil, err
		})
		ends(func(Session) (*Session, error) {
			if _, err := h.setActive(ctx, by, ada.ID, no); err != nil {
				return nil, err
			}
			_, err := h.setActive(ctx, by, ada.ID, yes)
			return nil, err
		})
		h.change(ada.ID, "is_superuser", true)
		ends(func(Session) (*Session, error) {
			var e adminUpdate
			e.IsAdmin.Set = true
			_, err := h.edit(ctx, by, ada.ID, e)
			return nil, err
		})
		_, err := h.Identity(ctx, boss.ID, by.Since)
		require.NoError(h.t, err, "nobody else's session has ended")
	})
}

// A replica believes for a moment in what another has ended. Nothing that lasts may come of it.
func TestEndedElsewhere(t *testing.T) {
	eachHouse(t, func(h *house) {
		ctx, other := h.t.Context(), h.replica()
		h.register("ada@example.com")
		eve := h.register("eve@example.com")
		boss := h.register("boss@example.com")
		h.change(boss.ID, "is_superuser", true)
		for _, c := range []struct {
			name string
			end  func(by *identity.Caller) error
			kind errs.Kind
		}{
			{"demoted", func(*identity.Caller) error { h.change(boss.ID, "is_superuser", false); return nil }, errs.NotFound},
			{"deactivated", func(*identity.Caller) error { h.change(boss.ID, "is_active", false); return nil }, errs.NotFound},
			{"sessions ended", func(by *identity.Caller) error { _, err := h.EndSessions(ctx, by); return err }, errs.Unauthenticated},
		} {
			h.change(boss.ID, "is_superuser", true)
			h.change(boss.ID, "is_active", true)
			h.rest(boss.ID)
			by := callerOf(h.signIn("boss@example.com", goodPassword))
			require.NoError(h.t, c.end(by))
			before := h.stored(eve.ID)
			_, err := other.add(ctx, by, adminCreate{Email: "new@example.com", Password: goodPassword, IsAdmin: true})
			require.Equal(h.t, c.kind, errs.KindOf(err), c.name)
			_, err = other.setActive(ctx, by, eve.ID, func(bool) bool { return false })
			require.Equal(h.t, c.kind, errs.KindOf(err), c.name)
			_, err = other.edit(ctx, by, boss.ID, adminUpdate{})
			require.Equal(h.t, c.kind, errs.KindOf(err), c.name)
			require.Equal(h.t, c.kind, errs.KindOf(other.remove(ctx, by, eve.ID)), c.name)
			require.Equal(h.t, c.kind, errs.KindOf(other.setPassword(ctx, by, eve.ID, goodPassword)), c.name)
			_, _, err = other.makeReset(ctx, by, eve.ID)
			require.Equal(h.t, c.kind, errs.KindOf(err), c.name)
			require.Equal(h.t, before, h.stored(eve.ID), c.name)
			var n int64
			require.NoError(h.t, h.db.Model(&User{}).Count(&n).Error)
			require.EqualValues(h.t, 3, n, c.name)
		}
	})
}

// Hashing takes long: a password that is replaced meanwhile opens nothing.
func TestPasswordChangesWhileItIsChecked(t *testing.T) {
	eachHouse(t, func(h *house) {
		ada := h.register("ada@example.com")
		other := h.replica()
		session := h.signIn("ada@example.com", goodPassword)
		for name, try := range map[string]func() bool{
			"sign in": func() bool {
				_, ok, err := h.SignIn(h.t.Context(), "ada@example.com", goodPassword, nothing)
				require.NoError(h.t, err)
				return ok
			},
			"change": func() bool {
				_, _, err := h.ChangePassword(h.t.Context(), callerOf(session), goodPassword, "An0ther-Passphrase")
				return err == nil
			},
		} {
			h.rest(ada.ID)
			release := hold(h.t, h.hasher)
			done := make(chan bool)
			go func() { done <- try() }()
			require.Eventually(h.t, func() bool { return h.hasher.line.len() == 1 }, 10*time.Second, time.Millisecond)
			hash, err := other.hasher.Hash(context.Background(), "N3w-Passphrase")
			require.NoError(h.t, err)
			was := h.stored(ada.ID).HashedPassword
			h.change(ada.ID, "hashed_password", hash)
			release()
			if <-done {
				h.t.Errorf("%s with the old password", name)
			}
			require.Equal(h.t, hash, h.stored(ada.ID).HashedPassword, name)
			h.change(ada.ID, "hashed_password", was)
		}
	})
}

// Whoever ends sessions again and again gets tokens that are good at once, each after the one before it.
func TestSessionsBeginAtMostASecondAhead(t *testing.T) {
	eachHouse(t, func(h *house) {
		h.register("ada@example.com")
		session := h.signIn("ada@example.com", goodPassword)
		begins := func(next Session) {
			h.t.Helper()
			require.LessOrEqual(h.t, time.Until(next.Since), time.Second)
			h.requireAlive(next)
			session = next
		}
		for range 3 {
			next, err := h.EndSessions(h.t.Context(), callerOf(session))
			require.NoError(h.t, err)
			require.True(h.t, next.Since.After(session.Since))
			begins(next)
		}
		h.change(session.UserID, "tokens_valid_after", time.Now().Truncate(time.Second).Add(2*time.Second)) // ended twice within this second
		h.accounts.Invalidate(session.UserID)
		begins(h.signIn("ada@example.com", goodPassword))
	})
}

// A clock that was far ahead for a while locks nobody's request up, and opens no way back for the tokens of that time.
func TestClockGoesBack(t *testing.T) {
	eachHouse(t, func(h *house) {
		ada, boss := h.register("ada@example.com"), h.register("boss@example.com")
		h.change(boss.ID, "is_superuser", true)
		ahead := time.Now().UTC().Truncate(time.Second).Add(time.Hour)
		h.change(ada.ID, "tokens_valid_after", ahead)
		_, ok, err := h.SignIn(h.t.Context(), "ada@example.com", goodPassword, nothing)
		require.Equal(h.t, errs.Unavailable, errs.KindOf(err))
		require.False(h.t, ok)
		require.NoError(h.t, h.setPassword(h.t.Context(), callerOf(h.signIn("boss@example.com", goodPassword)), ada.ID, goodPassword))
		require.Equal(h.t, ahead, *h.stored(ada.ID).TokensValidAfter)
	})
}
