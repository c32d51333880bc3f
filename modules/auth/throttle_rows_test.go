package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"portico.internal/platform/errs"
	"portico.internal/platform/testkit"
)

func TestThrottleForgetsWhatIsOver(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		c := newCounter(t, 100, d)
		fail := func(n int) {
			for i := range n {
				require.NoError(t, c.try(fmt.Sprint("account", i), netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), true))
			}
		}
		fail(sweep + 20)
		require.Equal(t, sweep+20, c.rows())
		c.pass(window)
		fail(1)
		require.Equal(t, 21, c.rows(), "so many at once")
		fail(1)
		require.Equal(t, 2, c.rows(), "those of this minute")
	})
}

func TestThrottleKeepsNobodysName(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		const password = "typed into the wrong field"
		c := newCounter(t, 1, d)
		require.NoError(t, c.try(password, home, true))
		var rows []map[string]any
		require.NoError(t, c.db.Raw("SELECT * FROM login_failures").Scan(&rows).Error)
		require.Len(t, rows, 1)
		row := fmt.Sprint(rows[0])
		for _, clear := range []string{password, home.String()} {
			plain := sha256.Sum256([]byte(clear))
			require.NotContains(t, row, clear)
			require.NotContains(t, row, hex.EncodeToString(plain[:8]), "a hash that anybody can try addresses against")
		}
		stranger := newThrottle(1, []byte("of somebody else"), c.db)
		require.NotContains(t, row, stranger.key("address", home.String()))
		require.NotContains(t, row, stranger.key("account", home.String(), password))
		require.NotEqual(t, c.key("account", "a", "bc"), c.key("account", "ab", "c"))
	})
}

// What the database cannot say is no wrong password.
func TestThrottleWithoutADatabase(t *testing.T) {
	relay := testkit.NewRelay(t, counting.Postgres(t).URL)
	c := newCounter(t, 3, testkit.Database{Name: "postgres", URL: relay.URL})
	a := must(c.begin(t.Context(), "owner", home))
	relay.Down()

	require.Equal(t, errs.Unavailable, errs.KindOf(a.fail(t.Context(), unrecorded)))
	require.Equal(t, errs.Unavailable, errs.KindOf(a.allowed(c.db.WithContext(t.Context()))))
	a.leave(nil)
	require.Equal(t, errs.Unavailable, errs.KindOf(c.try("owner", home, true)))
	require.Zero(t, c.places.Len())
	relay.Up()
	require.NoError(t, c.try("owner", home, true))
}

// Whatever the order of attempts, no minute holds more failures than allowed, and none is refused without cause.
func TestThrottleAgainstAPlainCount(t *testing.T) {
	counting.Each(t, func(t *testing.T, d testkit.Database) {
		c := newCounter(t, 0, d)
		run := 0
		rapid.Check(t, func(rt *rapid.T) {
			run++
			limit := rapid.IntRange(1, 3).Draw(rt, "limit")
			c.perAccount, c.perAddress = limit, 5
			from := netip.AddrFrom4([4]byte{10, byte(run >> 16), byte(run >> 8), byte(run)})
			type failure struct {
				account string
				age     time.Duration
			}
			var failures []failure
			for range rapid.IntRange(1, 12).Draw(rt, "steps") {
				if pause := time.Duration(rapid.IntRange(0, 2).Draw(rt, "pause")) * window / 3; pause > 0 {
					c.pass(pause)
					for i := range failures {
						failures[i].age += pause
					}
					failures = slices.DeleteFunc(failures, func(f failure) bool { return f.age >= window })
				}
				account, failed := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "account"), rapid.Bool().Draw(rt, "failed")
				own := 0
				for _, f := range failures {
					if f.account == account {
						own++
					}
				}
				err := c.try(account, from, failed)
				if refused := own >= limit || len(failures) >= 5; refused != (err != nil) {
					rt.Fatalf("%v, where %s has failed %d times and the address %d times", err, account, own, len(failures))
				}
				if err == nil && failed {
					failures = append(failures, failure{account: account})
				}
			}
		})
	})
}
