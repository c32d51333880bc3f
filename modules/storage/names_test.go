package storage

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/testkit"
)

// A name is free when nothing has it, lies below it or is where it has to lie, in any table, and of two that exclude each
// other the first one gets its own.
func TestChooseNames(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		at := s.activeID(t)
		now := s.db.NowFunc()
		require.NoError(t, s.db.Create(&Object{Key: "k", Version: "1", BackendID: at, Name: "object/file", ModifiedAt: now}).Error)
		require.NoError(t, s.db.Create(&Upload{BackendID: at, Name: "upload/file", Version: "2", LeaseUntil: now}).Error)
		require.NoError(t, s.db.Create(&Trash{BackendID: at, Name: "trash/file", DueAt: now}).Error)
		require.NoError(t, s.db.Create(&Receipt{BackendID: at, Version: "3", Name: "receipt/file", SourceID: at, CopiedAt: now}).Error)

		own := []string{"a", "b", "c/d", "c/e", "object/other", "object/file.txt", "object/file-1", "object/file0", "OBJECT/FILE", "ä", "object/fil"}
		opaque := []string{
			"a/b", "a", "c", "c/d/e", // of others in the same list
			"object/file", "object", "object/file/x", "upload/file", "upload", "upload/file/x/y",
			"trash/file", "trash", "trash/file/x", "receipt/file", "receipt", "receipt/file/x",
			"~odd", ".hidden", "a:b",
		}
		var wishes []wish
		for _, key := range append(own, opaque...) {
			wishes = append(wishes, wish{key: key, version: "version"})
		}
		wishes = append(wishes, wish{key: "free", version: "version", taken: true})
		var names []string
		require.NoError(t, s.db.Transaction(func(tx *gorm.DB) (err error) {
			names, err = chooseNames(tx, at, wishes)
			return err
		}))
		require.Equal(t, own, names[:len(own)])
		for i, name := range names[len(own):] {
			require.Equal(t, opaqueName("version"), name, wishes[len(own)+i].key)
		}

		require.NoError(t, s.db.Create(&Backend{ID: "other", Kind: kindLocal, Place: "other", Config: "{}", CreatedAt: now, UpdatedAt: now}).Error)
		names, err := chooseNames(s.db, "other", []wish{{key: "object/file", version: "version"}})
		require.NoError(t, err)
		require.Equal(t, []string{"object/file"}, names, "what lies elsewhere is in nobody's way")
	})
}
