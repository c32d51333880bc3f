package groups

import (
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
)

// NameKey is the same for names that people take for the same, as "Straße" and "STRASSE": canonical caseless matching
// (Unicode Standard, D145) of what is between the blanks.
func NameKey(name string) string {
	folded := cases.Fold().String(norm.NFD.String(strings.TrimSpace(name)))
	return norm.NFC.String(strings.Map(foldRune, folded)) // cases.Fold exchanges the two cases of Cherokee
}

// foldRune maps all cases of a letter to one.
func foldRune(r rune) rune {
	least := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		least = min(least, other)
	}
	return unicode.ToLower(least)
}

// twin stands between the key of a name and the id of a group that had the name when another one had its key already.
// No name has it in it.
const twin = "\x01"

// checkFree fails when a group other than the one with the id has the name that the key is of.
func checkFree(tx *gorm.DB, key, id string) error {
	var others []string
	err := tx.Model(&Group{}).
		Where("id <> ?", id).
		Where(`name_key = ? OR name_key LIKE ? ESCAPE '\'`, key, database.EscapeLike(key)+twin+"%").
		Limit(1).Pluck("id", &others).Error
	if err == nil && len(others) > 0 {
		return errNameTaken()
	}
	return err
}

func errNameTaken() error { return errs.New(errs.BadRequest, "Group name already exists") }
