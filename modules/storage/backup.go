package storage

import (
	"context"
	"fmt"
	"iter"
	"path/filepath"

	"github.com/go-json-experiment/json"
	"gorm.io/gorm"

	"portico.internal/platform/backup"
)

// backedUp lists the blobs that the catalogue names. What lies on other machines is counted; what is being moved has its
// row at the source until all of it lies at the target.
func backedUp(ctx context.Context, at backup.Moment) iter.Seq2[backup.File, error] {
	return func(yield func(backup.File, error) bool) {
		if err := eachBlob(ctx, at.DB, func(f backup.File) bool { return yield(f, nil) }); err != nil {
			yield(backup.File{}, err)
		}
	}
}

// eachBlob calls each until it returns false.
func eachBlob(ctx context.Context, db *gorm.DB, each func(backup.File) bool) error {
	var backends []Backend
	if err := db.WithContext(ctx).Find(&backends).Error; err != nil {
		return err
	}
	roots := map[string]string{}
	for _, b := range backends {
		var l localSpec
		if b.Kind != kindLocal {
			continue
		}
		if err := json.Unmarshal([]byte(b.Config), &l); err != nil {
			return fmt.Errorf("storage: the config of backend %s: %w", b.ID, err)
		}
		roots[b.ID] = l.Root
	}
	rows, err := db.WithContext(ctx).Raw("SELECT o.name, o.sha256, o.backend_id, b.kind FROM storage_objects AS o JOIN storage_backends AS b ON b.id = o.backend_id").Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, sha256, backend, kind string
		if err := rows.Scan(&name, &sha256, &backend, &kind); err != nil {
			return err
		}
		f := backup.File{Path: filepath.Join(roots[backend], filepath.FromSlash(name)), SHA256: sha256}
		if kind != kindLocal {
			f.Elsewhere = kind
		}
		if !each(f) {
			return nil
		}
	}
	return rows.Err()
}

// restored tells migrations that have not ended of the copies they cannot count on: those on the machine are not in an
// archive, and those on others, which the installation may have removed since, have to be read back anew.
func restored(tx *gorm.DB) error {
	local := tx.Model(&Backend{}).Select("id").Where("kind = ?", kindLocal)
	if err := tx.Where("backend_id IN (?)", local).Delete(&Receipt{}).Error; err != nil {
		return err
	}
	return tx.Model(&Receipt{}).Where("verified_by IS NOT NULL").Update("verified_by", nil).Error
}
