package database_test

import (
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"portico.internal/platform/database"
	"portico.internal/platform/testkit"
)

func TestContains(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		require.NoError(t, db.Exec("CREATE TABLE people (email VARCHAR(320), name VARCHAR(255))").Error)
		for email, name := range map[string]any{
			"ada@example.com": "Ada LOVELACE", "joerg@example.com": "JÖRG Müller-ẞtraße", "odysseus@example.com": "ΟΔΥΣΣΕΎΣ",
			"ivan@example.com": "Иван", "nobody@example.com": nil, "odd@example.com": `100%_\ 'x' ?`, "long@example.com": "Kelvin ſtone",
		} {
			require.NoError(t, db.Exec("INSERT INTO people VALUES (?, ?)", email, name).Error)
		}
		for part, want := range map[string][]string{
			"LOVE": {"ada"}, "ada@EX": {"ada"}, "a l": {"ada"}, "jörg": {"joerg"}, "JÖRG": {"joerg"}, "mÜll": {"joerg"}, "ß": {"joerg"},
			"ẞTRASSE": {}, "οδυσσεύς": {"odysseus"}, "ΎΣ": {"odysseus"}, "ύσ": {"odysseus"}, "ИВ": {"ivan"}, "вАн": {"ivan"}, "жук": {},
			"%": {"odd"}, "_": {"odd"}, `\`: {"odd"}, `%_\ 'X' ?`: {"odd"}, "0_": {}, "'": {"odd"}, "joerg@example.com' --": {},
			"kElVIN": {"long"}, "ſt": {"long"}, "\U0010FFFF": {}, "é": {},
			"example.com": {"ada", "joerg", "odysseus", "ivan", "nobody", "odd", "long"},
		} {
			found := []string{}
			require.NoError(t, db.Table("people").Where(database.Contains(db, part, "email", "name")).Pluck("email", &found).Error, part)
			for i := range want {
				want[i] += "@example.com"
			}
			require.ElementsMatch(t, want, found, "%q", part)
		}
		for _, texts := range [][]string{{"email"}, {"email", "name"}, {"name", "email", "name || email"}} {
			found := []string{}
			require.NoError(t, db.Table("people").Where("email < ?", "b").Where(database.Contains(db, "x", texts...)).Pluck("email", &found).Error)
			require.Equal(t, []string{"ada@example.com"}, found, "is one condition among others")
		}
	})
}

// Whatever is looked for is found in all its cases, and nothing in it is a wildcard.
func TestContainsAnyPartOfAText(t *testing.T) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		letters := rapid.StringOf(rapid.RuneFrom([]rune(`aZ%_\'?äÄßẞσςΣКкǅǆǄıİſKk字`), unicode.L, unicode.P))
		finds := func(text, part string) bool {
			var found bool
			require.NoError(t, db.Raw("SELECT ? FROM (SELECT CAST(? AS TEXT) AS it) texts",
				database.Contains(db, part, "it"), text).Scan(&found).Error)
			return found
		}
		rapid.Check(t, func(r *rapid.T) {
			before, part, after := letters.Draw(r, "before"), letters.Draw(r, "part"), letters.Draw(r, "after")
			recased := []rune(part)
			for i, c := range recased {
				if other := unicode.SimpleFold(c); rapid.Bool().Draw(r, "recase") && (c <= unicode.MaxASCII) == (other <= unicode.MaxASCII) {
					recased[i] = other
				}
			}
			if !finds(before+string(recased)+after, part) {
				r.Fatalf("%q is not found in %q", part, before+string(recased)+after)
			}
			if finds(before+after, before+"x"+after) {
				r.Fatalf("%q is found in %q", before+"x"+after, before+after)
			}
		})
	})
}
