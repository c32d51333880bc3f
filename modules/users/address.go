package users

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"
)

// maxStoredEmail is what users.email holds, in characters.
const maxStoredEmail = 320

// EmailKey is the same for all spellings of an address: its [CanonicalEmail] or, for one that is not taken today such as
// Admin@LOCALHOST, the address in lower case. Accounts are found by it, for those that an older backend or a script has
// made keep their spelling. Empty means that nobody can have the address.
func EmailKey(email string) string {
	if canonical, err := CanonicalEmail(email); err == nil {
		return canonical
	}
	if !utf8.ValidString(email) || strings.IndexByte(email, 0) >= 0 || utf8.RuneCountInString(email) > maxStoredEmail {
		return ""
	}
	return norm.NFC.String(strings.ToLower(norm.NFC.String(strings.TrimSpace(email))))
}

// holders returns the accounts with the address: the one that is spelled just so first, then the oldest. There is more
// than one only where an older backend has told spellings apart. Keyless says that there are accounts for [addKeys].
func holders(db *gorm.DB, email string) (found []User, keyless bool, err error) {
	key, exact := EmailKey(email), strings.TrimSpace(email)
	if key == "" {
		return nil, false, nil
	}
	err = db.Where("email IN ? OR email_key = ? OR email_key IS NULL", []string{exact, key}, key).Order("created_at, id").Find(&found).Error
	keyless = slices.ContainsFunc(found, func(u User) bool { return u.EmailKey == nil })
	found = slices.DeleteFunc(found, func(u User) bool { return EmailKey(u.Email) != key })
	slices.SortStableFunc(found, func(a, b User) int {
		switch exact {
		case a.Email:
			return -1
		case b.Email:
			return 1
		}
		return 0
	})
	return found, keyless, err
}

// addKeys gives their key to the accounts that have none: those that another program has made. Accounts whose addresses
// are spellings of one get the same key, and stay apart by their spelling.
func addKeys(tx *gorm.DB) error {
	var rows []struct{ ID, Email string }
	if err := tx.Table("users").Select("id, email").Where("email_key IS NULL").Order("id").Clauses(forUpdate).Scan(&rows).Error; err != nil {
		return err
	}
	var canonical []string
	for _, row := range rows {
		key := EmailKey(row.Email)
		if key == row.Email {
			canonical = append(canonical, row.ID)
			continue
		}
		if err := tx.Exec("UPDATE users SET email_key = ? WHERE id = ?", key, row.ID).Error; err != nil {
			return err
		}
	}
	for ids := range slices.Chunk(canonical, 500) {
		if err := tx.Exec("UPDATE users SET email_key = email WHERE id IN ?", ids).Error; err != nil {
			return err
		}
	}
	return nil
}
