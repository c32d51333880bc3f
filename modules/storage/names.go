package storage

import (
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// wish is a blob that is to have the name of its key.
type wish struct {
	key     string
	version string // of which its name is made otherwise, and which must be nobody else's
	taken   bool   // something of others lies there; see [takenAt]
}

// chooseNames returns the names that blobs get, in their order: the key where that is free at the backend, else one made
// of the version. It holds off others who choose at this backend until the transaction ends. The names are to be written
// into rows of the same transaction.
func chooseNames(tx *gorm.DB, backendID string, wishes []wish) ([]string, error) {
	names := make([]string, len(wishes))
	var keys, paths []string // paths: where files are in the way of the keys
	for i, w := range wishes {
		names[i] = opaqueName(w.version)
		if !w.taken && plainName(w.key) {
			keys = append(keys, w.key)
			paths = append(append(paths, w.key), parents(w.key)...)
		}
	}
	if len(keys) == 0 {
		return names, nil
	}
	var row Backend
	err := tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Select("id").Where("id = ?", backendID).Take(&row).Error
	if err != nil {
		return nil, err
	}
	files, err := among(tx, backendID, paths, "name = w.path")
	if err != nil {
		return nil, err
	}
	folders, err := among(tx, backendID, keys, "name > w.path || '/' AND name < w.path || '0'") // the character after a slash is 0
	if err != nil {
		return nil, err
	}
	for i, w := range wishes {
		if w.taken || !plainName(w.key) || folders[w.key] || files[w.key] || anyOf(files, parents(w.key)) {
			continue
		}
		names[i], files[w.key] = w.key, true
		for _, path := range parents(w.key) {
			folders[path] = true
		}
	}
	return names, nil
}

// among returns those of the paths for which there is a row at the backend that meets the condition.
func among(tx *gorm.DB, backendID string, paths []string, condition string) (map[string]bool, error) {
	query := "WITH w (path) AS (VALUES (CAST(? AS VARCHAR(1024)))" + strings.Repeat(", (?)", len(paths)-1) + ") SELECT path FROM w WHERE "
	var values []any
	for _, path := range paths {
		values = append(values, path)
	}
	for i, table := range []string{"storage_objects", "storage_uploads", "storage_trash", "storage_receipts"} {
		if i > 0 {
			query += " OR "
		}
		query += "EXISTS (SELECT 1 FROM " + table + " WHERE backend_id = ? AND " + condition + ")"
		values = append(values, backendID)
	}
	var found []string
	err := tx.Raw(query, values...).Scan(&found).Error
	set := map[string]bool{}
	for _, path := range found {
		set[path] = true
	}
	return set, err
}

func anyOf(set map[string]bool, names []string) bool {
	for _, name := range names {
		if set[name] {
			return true
		}
	}
	return false
}
