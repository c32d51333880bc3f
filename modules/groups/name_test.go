package groups

import (
	"log/slog"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	order "portico.internal/migrations"
	"portico.internal/modules/users"
	"portico.internal/platform/identity"
	"portico.internal/platform/migrate"
	"portico.internal/platform/module"
	"portico.internal/platform/sanitize"
	"portico.internal/platform/testkit"
	"portico.internal/platform/web"
)

func TestNameKey(t *testing.T) {
	for _, same := range [][]string{
		{"Straße", "STRASSE", " strasse ", "straẞe"}, {"Café", "CAFE\u0301", "cafe\u0301"}, {"ΟΔΟΣ", "οδος", "οδοσ"},
		{"ﬁn", "FIN"}, {"Ǆ", "ǅ", "ǆ"}, {"\u0345α", "\u0399α"}, {"R&D", "r&d"},
	} {
		for _, name := range same {
			require.Equal(t, NameKey(same[0]), NameKey(name))
		}
	}
	apart := []string{"Straße", "Strase", "Café", "Cafe", "a  b", "a b", "ab", "ı", "İ", "i", "x", "%", "_"}
	keys := map[string]bool{}
	for _, name := range apart {
		keys[NameKey(name)] = true
	}
	require.Len(t, keys, len(apart))
}

func TestNameKeyIsOneForAllCasesOfALetter(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if other := unicode.SimpleFold(r); other != r && NameKey(string(r)) != NameKey(string(other)) {
			t.Errorf("%U and %U", r, other)
		}
	}
}

func TestNameKeyIsStableAndFits(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		name, err := cleanName(rapid.String().Draw(r, "name"))
		if err != nil {
			return
		}
		key := NameKey(name)
		require.Equal(r, key, NameKey(key))
		require.Equal(r, name, sanitize.Line(name))
		require.NotContains(r, key, twin)
		require.LessOrEqual(r, len([]rune(key))+len(twin)+36, 512)
	})
}

// plan is that of users and groups, without the steps that follow the number of those of groups.
func plan(t *testing.T, steps int) *migrate.Plan {
	chain, err := migrate.ParseChain(order.Chain)
	require.NoError(t, err)
	var links []migrate.Link
	own := 0
	for _, link := range chain {
		if link.Module == "groups" {
			own++
		}
		if link.Module != "groups" || own <= steps {
			links = append(links, link)
		}
	}
	all := module.Steps([]module.Module{users.Module})
	all["groups"] = migrations[:steps]
	p, err := migrate.New(links, all)
	require.NoError(t, err)
	return p
}

// Names that are one today may have been two before: both groups stay, under their names.
func TestGroupsOfOldKeepTheirNames(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		_, err := plan(t, 2).Up(t.Context(), db)
		require.NoError(t, err)
		ids := map[string]string{"STRASSE": "b", "Straße": "a", "strasse": "c", "Zoo": "d", " Zoo": "e", "100%_\\": "f"}
		at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
		for name, id := range ids {
			require.NoError(t, db.Exec("INSERT INTO groups (id, name, created_at) VALUES (?, ?, ?)", id, name, at).Error)
		}
		require.NoError(t, db.Exec("UPDATE groups SET created_at = ? WHERE id = 'c'", at.Add(-time.Hour)).Error)
		_, err = plan(t, 3).Up(t.Context(), db)
		require.NoError(t, err)

		keys := map[string]string{}
		var rows []Group
		require.NoError(t, db.Find(&rows).Error)
		for _, g := range rows {
			require.Equal(t, ids[g.Name], g.ID)
			keys[g.ID] = *g.NameKey
		}
		require.Equal(t, map[string]string{"c": "strasse", "a": "strasse\x01a", "b": "strasse\x01b", "d": "zoo", "e": "zoo\x01e", "f": `100%_\`}, keys)

		for _, name := range []string{"STRASSE", "Strasse"} {
			ctx := identity.With(t.Context(), &identity.Caller{ID: "root"})
			g, err := newService(db, nil, slog.New(slog.DiscardHandler)).update(ctx, "b", groupUpdate{Name: web.Some(name)})
			require.NoError(t, err, "it has the name already")
			require.Equal(t, name, g.Name)
		}
		require.EqualError(t, checkFree(db, "strasse", "new"), "Group name already exists")
		require.NoError(t, db.Exec("DELETE FROM groups WHERE id = 'c'").Error)
		require.EqualError(t, checkFree(db, "strasse", "new"), "Group name already exists", "the others still have the name")
		require.NoError(t, checkFree(db, "stra", "new"))
		require.NoError(t, checkFree(db, "zoo%", "new"))
		require.EqualError(t, checkFree(db, `100%_\`, "new"), "Group name already exists")
		require.NoError(t, checkFree(db, `100%_\`, "f"))
	})
}
