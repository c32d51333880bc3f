package database

import (
	"database/sql"
	"database/sql/driver"
	"strings"
	"unicode"

	gosqlite "github.com/glebarez/go-sqlite"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Contains is the condition that one of the texts has part in it, whatever the case of their letters. Nothing in part
// is a wildcard. The texts are SQL expressions; a NULL has nothing in it. Both sides should be in the same normal form.
//
// It reads the same on both databases, in any locale: neither SQLite nor PostgreSQL under the locale C knows the case of
// a letter beyond ASCII.
func Contains(db *gorm.DB, part string, texts ...string) clause.Expression {
	folded := strings.Map(foldRune, part)
	fold, foldArgs := sqliteFold(folded), []any(nil)
	if IsPostgres(db) {
		fold, foldArgs = postgresFold(folded)
	}
	pattern := "%" + EscapeLike(folded) + "%"
	var found []string
	var args []any
	for _, text := range texts {
		found = append(found, strings.Replace(fold, "text", "("+text+")", 1)+` LIKE ? ESCAPE '\'`)
		args = append(append(args, foldArgs...), pattern)
	}
	// One expression, for gorm joins a clause.Or of a single one to the conditions before it by OR.
	return clause.Expr{SQL: "(" + strings.Join(found, " OR ") + ")", Vars: args}
}

// EscapeLike returns the pattern that only the text itself matches, with ESCAPE '\'.
func EscapeLike(text string) string { return escapeLike.Replace(text) }

var escapeLike = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`)

// foldRune maps all cases of a letter to one. A letter of ASCII stays one, and what is not of ASCII stays outside, so
// that text can be folded in two steps of which the second is seldom needed.
func foldRune(r rune) rune {
	if r <= unicode.MaxASCII {
		return unicode.ToLower(r)
	}
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		if other > unicode.MaxASCII {
			least = min(least, other)
		}
	}
	return least
}

// postgresFold names just those letters of other cases that part is made of: lower() beyond ASCII would need a locale.
func postgresFold(part string) (expr string, args []any) {
	var from, to strings.Builder
	for _, r := range part {
		if r <= unicode.MaxASCII || strings.ContainsRune(to.String(), r) {
			continue
		}
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			if other > unicode.MaxASCII {
				from.WriteRune(other)
				to.WriteRune(r)
			}
		}
	}
	if from.Len() == 0 {
		return `lower(text COLLATE "C")`, nil
	}
	return `translate(lower(text COLLATE "C"), ?, ?)`, []any{from.String(), to.String()}
}

func sqliteFold(part string) string {
	if strings.IndexFunc(part, func(r rune) bool { return r > unicode.MaxASCII }) < 0 {
		return "lower(text)"
	}
	return foldFunction + "(text)"
}

const foldFunction = "portico_fold"

// sqliteDriver is the one instance of the driver whose connections know functions of ours.
var sqliteDriver = func() driver.Driver {
	gosqlite.MustRegisterDeterministicScalarFunction(foldFunction, 1, func(_ *gosqlite.FunctionContext, args []driver.Value) (driver.Value, error) {
		if text, ok := args[0].(string); ok {
			return strings.Map(foldRune, text), nil
		}
		return args[0], nil
	})
	unopened, err := sql.Open("sqlite", "")
	if err != nil {
		panic(err) // the driver is linked in
	}
	defer unopened.Close()
	return unopened.Driver()
}()
