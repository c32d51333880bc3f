package docservice

import (
	"context"
	"iter"
	"os"
	"path/filepath"

	"portico.internal/platform/backup"
)

// backedUp lists the key, and the files of the documents whose content is in the folder. A file that is staged at this
// moment is so in the archive, too: the next start puts it into its place.
func backedUp(ctx context.Context, at backup.Moment) iter.Seq2[backup.File, error] {
	return func(yield func(backup.File, error) bool) {
		if !yield(backup.File{Path: keyFile, Optional: true}, nil) {
			return
		}
		var documents []document
		if err := at.DB.WithContext(ctx).Select("id", "sha256").Where("stored = ?", inFolder).Find(&documents).Error; err != nil {
			yield(backup.File{}, err)
			return
		}
		files := &fileStore{root: filepath.Join(at.Dir, filesFolder)}
		for _, d := range documents {
			path := files.path(d.ID)
			if _, err := os.Lstat(path); err != nil {
				if _, err := os.Lstat(files.stagingPath(d.ID)); err == nil {
					path = files.stagingPath(d.ID)
				}
			}
			name, err := filepath.Rel(at.Dir, path)
			if !yield(backup.File{Path: name, SHA256: d.SHA256}, err) {
				return
			}
		}
	}
}
