package users

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/module"
)

func TestRegister(t *testing.T) {
	eachHouse(t, func(h *house) {
		ctx, long := h.t.Context(), strings.Repeat("é", 256)
		ada := h.register("Ada@Bücher.example")
		require.Equal(h.t, UserOut{ID: ada.ID, Email: "ada@xn--bcher-kva.example", IsActive: true}, ada)
		require.Regexp(h.t, `^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, ada.ID)
		row := h.stored(ada.ID)
		require.Regexp(h.t, `^\$2[aby]\$04\$`, row.HashedPassword)
		require.NotNil(h.t, row.DashboardAppIDs)

		for _, c := range []struct {
			email, password string
			name            *string
			kind            errs.Kind
			text            string
		}{
			{" ADA@bu\u0308cher.example", goodPassword, nil, errs.BadRequest, "Email already registered"},
			{"ada", goodPassword, nil, errs.Invalid, "value is not a valid email address: An email address must have an @-sign."},
			{"eve@example.com", "short", nil, errs.Invalid, "Password must be at least 8 characters"},
			{"eve@example.com", "Aa1!" + strings.Repeat("x", 69), nil, errs.Invalid, "Password must be at most 72 bytes"},
			{"eve@example.com", goodPassword, &long, errs.Invalid, "String should have at most 255 characters"},
		} {
			_, err := h.Register(ctx, c.email, c.password, c.name)
			require.Equal(h.t, c.kind, errs.KindOf(err))
			require.EqualError(h.t, err, c.text)
		}
		fits := " \u200b" + long[:255*2] + "<i></i> "
		out, err := h.Register(ctx, "max@example.com", goodPassword, &fits)
		require.NoError(h.t, err)
		require.Equal(h.t, long[:255*2], *out.FullName)
	})
}

func TestOfManyRegistrationsOfOneAddressOneSucceeds(t *testing.T) {
	eachHouse(t, func(h *house) {
		const n = 100
		replicas := []*service{h.service, h.replica()}
		results := make(chan error, n)
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				_, err := replicas[i%2].Register(h.t.Context(), "ada@example.com", goodPassword, nil)
				results <- err
			})
		}
		wg.Wait()
		made := 0
		for range n {
			if err := <-results; err == nil {
				made++
			} else {
				require.Equal(h.t, errs.BadRequest, errs.KindOf(err), "%v", err)
			}
		}
		require.Equal(h.t, 1, made)
	})
}

// A hundred hashes at the production cost take longer than anybody waits, and would push other callers out of the queue.
func TestRegistrationsOfOneAddressCostOneHash(t *testing.T) {
	eachHouse(t, func(h *house) {
		const n = 2 * maxWaiting
		release := hold(h.t, h.hasher)
		results := make(chan error, n)
		for range n {
			go func() {
				_, err := h.Register(h.t.Context(), "ada@example.com", goodPassword, nil)
				results <- err
			}()
		}
		require.Eventually(h.t, func() bool { return h.hasher.line.len() == 1 }, 10*time.Second, time.Millisecond)
		release()
		made := 0
		for range n {
			if err := <-results; err == nil {
				made++
			} else {
				require.EqualError(h.t, err, "Email already registered")
			}
		}
		require.Equal(h.t, 1, made)
	})
}

func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := newService(nil, nil, module.Optional[GroupCount]{}, nil, nil)
		done, err := all.turn(t.Context(), "a")
		require.NoError(t, err)
		other, err := all.turn(t.Context(), "b")
		require.NoError(t, err)
		other(nil)

		ctx, leave := context.WithCancel(t.Context())
		leave()
		_, err = all.turn(ctx, "a")
		require.Equal(t, errs.ClientClosed, errs.KindOf(err))
		_, err = all.turn(t.Context(), "a")
		require.Equal(t, errs.Unavailable, errs.KindOf(err), "waits no longer than for a hash")

		next := make(chan func(error))
		go func() {
			done, _ := all.turn(t.Context(), "a")
			next <- done
		}()
		synctest.Wait()
		done(errors.New("its own affair"))
		done = <-next
		heard := make(chan error, 50)
		for range cap(heard) {
			go func() { _, err := all.turn(t.Context(), "a"); heard <- err }()
		}
		synctest.Wait()
		hung := fmt.Errorf("reading: %w", context.DeadlineExceeded)
		done(hung)
		for range cap(heard) {
			require.Equal(t, hung, <-heard, "the database does not answer them one by one")
		}
		require.Zero(t, all.turns.Len())
	})
}

func TestCheckPasswordOfAccounts(t *testing.T) {
	eachHouse(t, func(h *house) {
		long := "Aa1!" + strings.Repeat("x", 68)
		ada := h.register("ada@example.com")
		max, err := h.Register(h.t.Context(), "max@example.com", long, nil)
		require.NoError(h.t, err)
		off := h.register("off@example.com")
		h.change(off.ID, "is_active", false)
		old := h.register("old@example.com")
		h.change(old.ID, "email", "admin@localhost") // made by a script once
		for _, c := range []struct {
			email, password, id string
			ok                  bool
		}{
			{"ada@example.com", goodPassword, ada.ID, true},
			{" ADA@Example.com ", goodPassword, ada.ID, true},
			{"ada@example.com", goodPassword + " ", ada.ID, false},
			{"ada@example.com", "", ada.ID, false},
			{"ada@example.com", goodPassword + "\x00" + goodPassword, ada.ID, false},
			{"max@example.com", long, max.ID, true},
			{"max@example.com", long + "y", max.ID, false},
			{"off@example.com", goodPassword, off.ID, false},
			{"Admin@localhost", goodPassword, old.ID, true},
			{"unknown@example.com", goodPassword, "", false},
			{"no address", goodPassword, "", false},
			{"", goodPassword, "", false},
			{"a\x00b@example.com", goodPassword, "", false},
			{"a\xffb@example.com", goodPassword, "", false},
			{strings.Repeat("a", 1<<20), goodPassword, "", false},
			{"' OR 1=1 --", goodPassword, "", false},
		} {
			session, ok, err := h.SignIn(h.t.Context(), c.email, c.password, nothing)
			require.NoError(h.t, err)
			require.Equal(h.t, c.id, session.UserID, "%.40q", c.email)
			require.Equal(h.t, c.ok, ok, "%.40q %q", c.email, c.password)
		}
	})
}

// Whoever asks must not learn from the time whether there is an account: every answer costs one hash.
func TestEveryCheckOfAPasswordCostsAHash(t *testing.T) {
	eachHouse(t, func(h *house) {
		h.register("ada@example.com")
		off := h.register("off@example.com")
		h.change(off.ID, "is_active", false)
		odd := h.register("odd@example.com")
		h.change(odd.ID, "hashed_password", "!")
		h.hasher.Close()
		for _, email := range []string{"ada@example.com", "off@example.com", "odd@example.com", "unknown@example.com", "no address", "a\x00@example.com"} {
			for _, password := range []string{"wrong", goodPassword, strings.Repeat("x", 73), "a\x00b", ""} {
				_, ok, err := h.SignIn(h.t.Context(), email, password, nothing)
				require.Equal(h.t, errs.Unavailable, errs.KindOf(err), "%q %q was answered without a hash", email, password)
				require.False(h.t, ok)
			}
		}
	})
}

func TestIdentity(t *testing.T) {
	eachHouse(t, func(h *house) {
		ada := h.register("ada@example.com")
		issued := time.Unix(1_700_000_000, 0)
		caller, err := h.Identity(h.t.Context(), ada.ID, issued)
		require.NoError(h.t, err)
		require.Equal(h.t, &identity.Caller{ID: ada.ID, Email: "ada@example.com", Since: issued}, caller)
		for _, id := range []string{"", "me", "a\x00", "00000000-0000-4000-8000-000000000000", "{" + ada.ID + "}", strings.ToUpper(ada.ID)} {
			_, err := h.Identity(h.t.Context(), id, time.Now())
			require.Equal(h.t, errs.NotFound, errs.KindOf(err), "%q", id)
		}

		other := h.replica()
		h.change(ada.ID, "is_superuser", true)
		caller, err = other.Identity(h.t.Context(), ada.ID, time.Now())
		require.NoError(h.t, err)
		require.True(h.t, caller.IsAdmin)

		h.change(ada.ID, "is_active", false)
		_, err = h.replica().Identity(h.t.Context(), ada.ID, time.Now())
		require.Equal(h.t, errs.NotFound, errs.KindOf(err))
	})
}

func TestIdentityIsReadOnceAndFollowsChangesAtOnce(t *testing.T) {
	eachHouse(t, func(h *house) {
		ada := h.register("ada@example.com")
		reads := 0
		require.NoError(h.t, h.db.Callback().Query().Before("gorm:query").Register("count", func(*gorm.DB) { reads++ }))
		_, err := h.Identity(h.t.Context(), ada.ID, time.Now())
		require.NoError(h.t, err)
		after := reads
		mode := "dark"
		for range 1000 {
			_, err = h.active(h.t.Context(), ada.ID)
			require.NoError(h.t, err)
		}
		require.Less(h.t, reads, after+100, "all but a few are answered from memory")

		require.NoError(h.t, h.set(h.t.Context(), ada.ID, "color_mode", &mode))
		require.NoError(h.t, h.set(h.t.Context(), ada.ID, "is_superuser", true))
		caller, err := h.Identity(h.t.Context(), ada.ID, time.Now())
		require.NoError(h.t, err)
		require.True(h.t, caller.IsAdmin)
		require.NoError(h.t, h.set(h.t.Context(), ada.ID, "is_active", false))
		_, err = h.Identity(h.t.Context(), ada.ID, time.Now())
		require.Equal(h.t, errs.NotFound, errs.KindOf(err))
	})
}

func TestDatabaseThatIsGoneIsNotAnUnknownUser(t *testing.T) {
	eachHouse(t, func(h *house) {
		broken := errors.New("the database is gone")
		require.NoError(h.t, h.db.Callback().Query().Before("gorm:query").Register("break", func(tx *gorm.DB) { _ = tx.AddError(broken) }))
		_, err := h.Identity(h.t.Context(), "00000000-0000-4000-8000-000000000000", time.Now())
		require.ErrorIs(h.t, err, broken)
		_, _, err = h.SignIn(h.t.Context(), "ada@example.com", goodPassword, nothing)
		require.ErrorIs(h.t, err, broken)
		_, err = h.Register(h.t.Context(), "ada@example.com", goodPassword, nil)
		require.ErrorIs(h.t, err, broken)
	})
}
