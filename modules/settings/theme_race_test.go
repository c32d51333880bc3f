package settings_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// eachLookRace starts as many gateways on one database as may share it.
func eachLookRace(t *testing.T, test func(l *look, replicas []*testkit.Gateway, db *gorm.DB)) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		replicas := gatewaytest.Replicas(t, gatewaytest.Spec(), d, nil)
		for _, g := range replicas {
			g.Token(t, gatewaytest.Admin)
		}
		test(&look{replicas[0], t}, replicas, d.Open(t))
	})
}

// However the deletion of a theme and its activation fall together, the active theme is one that exists; and nobody who
// looks meanwhile is shown one that does not.
func TestActiveThemeIsDeletedWhileItIsActivated(t *testing.T) {
	eachLookRace(t, func(l *look, replicas []*testkit.Gateway, db *gorm.DB) {
		var over atomic.Bool
		var seen atomic.Int64
		var readers sync.WaitGroup
		for i := range 2 {
			readers.Go(func() {
				for !over.Load() {
					seen.Add(look{replicas[i%len(replicas)], l.t}.isWhole())
				}
			})
		}
		for round := range 4 * *gatewaytest.Rounds {
			do[themeJSON](l, 201, "POST", themesPath, themeBody("Brief", nil))
			if round%2 == 0 {
				do[appearanceJSON](l, 200, "PATCH", appearancePath, `{"theme_id":"brief"}`)
			}
			var requests []testkit.Request
			for range 5 {
				requests = append(requests, admin("PATCH", appearancePath, `{"theme_id":"brief"}`))
			}
			requests[round%5] = admin("DELETE", themesPath+"/brief", "")
			count := gatewaytest.Rush(l.t, replicas, requests)
			require.Equal(l.t, 1, count[204], "%v", count)
			require.Equal(l.t, 4, count[200]+count[400], "%v", count)
			var stored struct {
				ThemeID string `json:"theme_id"`
			}
			var text string
			require.NoError(l.t, db.Raw("SELECT value FROM settings WHERE key = 'appearance'").Scan(&text).Error)
			require.NoError(l.t, json.Unmarshal([]byte(text), &stored))
			require.Equal(l.t, "portico", stored.ThemeID)
		}
		over.Store(true)
		readers.Wait()
		require.Positive(l.t, seen.Load())
	})
}

// isWhole reads all that shows the active theme, and returns 1. It does not end the test, being run beside it.
func (l look) isWhole() int64 {
	var shown appearanceJSON
	var public struct {
		DefaultMode string `json:"default_mode"`
		Theme       themeJSON
	}
	var list []themeJSON
	for path, out := range map[string]any{appearancePath: &shown, publicPath: &public, themesPath: &list} {
		r := l.Call(l.t, admin("GET", path, ""))
		assert.Equal(l.t, 200, r.Status, r.Body)
		assert.NoError(l.t, json.Unmarshal([]byte(r.Body), out), r.Body)
	}
	assert.Equal(l.t, shown.ThemeID, shown.Theme.ID)
	active := slices.DeleteFunc(list, func(theme themeJSON) bool { return !theme.IsActive })
	if assert.Len(l.t, active, 1) {
		active = append(active, shown.Theme, public.Theme)
	}
	for _, theme := range active {
		assert.True(l.t, theme.IsActive)
		assert.Contains(l.t, []string{"portico", "brief"}, theme.ID)
		assert.Len(l.t, theme.Colors["dark"], len(tokenNames))
	}
	return 1
}

func TestNoTokenIsLostAmongMany(t *testing.T) {
	eachLookRace(t, func(l *look, replicas []*testkit.Gateway, _ *gorm.DB) {
		do[themeJSON](l, 201, "POST", themesPath, themeBody("House", nil))
		for round := range *gatewaytest.Rounds {
			value := fmt.Sprintf("#%06x", round)
			var requests []testkit.Request
			for i := range 20 {
				requests = append(requests, admin("PATCH", themesPath+"/house", fmt.Sprintf(`{"colors":{"%s":{"%s":"%s"}}}`, []string{"light", "dark"}[i%2], tokenNames[i/2], value)))
			}
			require.Equal(l.t, map[int]int{200: 20}, gatewaytest.Rush(l.t, replicas, requests))
			house := l.themes()[len(builtinIDs)]
			for i := range 20 {
				require.Equal(l.t, value, house.Colors[[]string{"light", "dark"}[i%2]][tokenNames[i/2]], "%d", i)
			}
		}
	})
}

func TestThemesOfOneLabelHaveIDsOfTheirOwn(t *testing.T) {
	eachLookRace(t, func(l *look, replicas []*testkit.Gateway, _ *gorm.DB) {
		document := l.Call(l.t, admin("GET", themesPath+"/plum/export", "")).Body
		var requests []testkit.Request
		for range 10 {
			requests = append(requests, admin("POST", themesPath, themeBody("Plum", nil)), admin("POST", themesPath+"/import", document),
				admin("POST", themesPath+"/plum/duplicate", `{"label":"Plum"}`))
		}
		require.Equal(l.t, map[int]int{201: 30}, gatewaytest.Rush(l.t, replicas, requests))
		want := []string{"plum"}
		for n := 2; n <= 31; n++ {
			want = append(want, fmt.Sprint("plum-", n))
		}
		var ids []string
		for _, theme := range l.themes() {
			if theme.Label == "Plum" {
				ids = append(ids, theme.ID)
			}
		}
		require.ElementsMatch(l.t, want, ids)
	})
}
