package auth

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/users"
	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
)

// fakeAccounts knows one user and does as it is told about passwords.
type fakeAccounts struct {
	users.Accounts
	db            *gorm.DB
	checkPassword func(context.Context) (bool, error)
}

func (f fakeAccounts) SignIn(ctx context.Context, _, _ string, then func(*gorm.DB, users.Session) error) (users.Session, bool, error) {
	ok, err := f.checkPassword(ctx)
	if ok && err == nil {
		err = database.Write(ctx, f.db, func(tx *gorm.DB) error { return then(tx, justNow()) })
	}
	return justNow(), ok && err == nil, err
}

func (fakeAccounts) Identity(context.Context, string, time.Time) (*identity.Caller, error) {
	return &identity.Caller{ID: someID}, nil
}

func serviceWith(t testing.TB, failures int, check func(context.Context) (bool, error)) *service {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	db := counting.SQLite(t).Open(t)
	return must(newService(Config{LoginFailuresPerMinute: failures}, fakeAccounts{db: db, checkPassword: check}, newTokens(ourPair(), time.Hour), newAttempts(), db, nil, log))
}

func TestWhatCountsAsAFailedLogin(t *testing.T) {
	busy := errs.New(errs.Unavailable, "")
	for _, c := range []struct {
		name   string
		check  func(context.Context) (bool, error)
		leave  bool
		counts bool
	}{
		{"right", func(context.Context) (bool, error) { return true, nil }, false, false},
		{"wrong", func(context.Context) (bool, error) { return false, nil }, false, true},
		{"too busy to tell", func(context.Context) (bool, error) { return false, busy }, false, false},
		{"broken", func(context.Context) (bool, error) { return false, errors.New("broken") }, false, false},
		{"the client leaves", func(ctx context.Context) (bool, error) { <-ctx.Done(); return false, ctx.Err() }, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var leave context.CancelFunc
			s := serviceWith(t, 1, func(ctx context.Context) (bool, error) {
				if c.leave {
					leave()
				}
				return c.check(ctx)
			})
			for i := range 3 {
				var ctx context.Context
				ctx, leave = context.WithCancel(t.Context())
				_, err := s.login(ctx, owner, "x")
				leave()
				require.Equal(t, c.counts && i > 0, errs.KindOf(err) == errs.TooManyRequests, "attempt %d: %v", i, err)
			}
		})
	}
}

func TestPanicGivesThePlaceBack(t *testing.T) {
	s := serviceWith(t, 2, func(context.Context) (bool, error) { panic("broken") })
	for range 2 {
		require.Panics(t, func() { _, _ = s.login(t.Context(), owner, "x") })
	}
	_, err := s.login(t.Context(), owner, "x")
	require.Equal(t, errs.TooManyRequests, errs.KindOf(err), "it is counted, and nobody waits for it")
}

// While one replica looks at a right password others may count the last failure: whoever tries many at once, at all of
// them, must not learn which one was right.
func TestRightPasswordThatIsDecidedTooLate(t *testing.T) {
	for failures, kind := range map[int]errs.Kind{1: errs.Internal, 2: errs.TooManyRequests} {
		var s *service
		s = serviceWith(t, 2, func(ctx context.Context) (bool, error) {
			elsewhere := newThrottle(2, s.throttle.secret, s.throttle.db)
			for range failures {
				require.NoError(t, must(elsewhere.begin(ctx, owner, netip.Addr{})).fail(ctx, unrecorded))
			}
			return true, nil
		})
		token, err := s.login(t.Context(), owner, "x")
		require.Equal(t, kind, errs.KindOf(err), err)
		require.Equal(t, err == nil, token != nil)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	s := serviceWith(b, 0, nil)
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	request.Header.Set("Authorization", "Bearer "+must(s.tokens.issue(justNow())))
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must(s.Authenticate(request))
		}
	})
	b.Run("uncached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.tokens.verified.InvalidateAll()
			must(s.Authenticate(request))
		}
	})
}
