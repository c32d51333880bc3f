package storage

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/testkit"
)

// A page of what is to be moved costs what is on it, however many objects there are: it is read in the order of the keys,
// and not found among all of them.
func TestPagesAreReadInOrder(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		s := newSite(t, d)
		source, target := s.activeID(t), uuid.NewString()
		now := s.db.NowFunc()
		require.NoError(t, s.db.Create(&Backend{ID: target, Kind: kindLocal, Place: "other", Config: "{}", CreatedAt: now, UpdatedAt: now}).Error)
		for range 10 {
			var objects []Object
			var receipts []Receipt
			for range 500 {
				o := Object{Key: uuid.NewString(), Version: uuid.NewString(), BackendID: source, Name: uuid.NewString(), ModifiedAt: now}
				objects = append(objects, o)
				receipts = append(receipts, Receipt{BackendID: target, Version: o.Version, Name: o.Name, SourceID: source, SourceName: o.Name, CopiedAt: now})
			}
			require.NoError(t, s.db.Create(objects).Error)
			require.NoError(t, s.db.Create(receipts[:250]).Error)
		}
		m := &migration{job: Job{ID: uuid.NewString(), SourceID: source, TargetID: target}}
		require.NoError(t, measure(s.db))
		for name, ask := range map[string]func(*gorm.DB, string) *gorm.DB{"copying": m.uncopied, "verifying": m.unverified} {
			plan := explain(t, s.db, s.db.ToSQL(func(tx *gorm.DB) *gorm.DB { return ask(tx, "7").Find(&[]Object{}) }))
			require.Regexp(t, "ix_storage_objects_backend_id_key.*key.*>", plan, name)
			require.Regexp(t, `receipts.*backend_id.* AND .*version`, plan, name)
			require.NotRegexp(t, "Sort|TEMP B-TREE", plan, name)
		}
	})
}

// explain is how the database would answer.
func explain(t *testing.T, db *gorm.DB, sql string) string {
	t.Helper()
	how := "EXPLAIN "
	if db.Name() == "sqlite" {
		how += "QUERY PLAN "
	}
	var steps []map[string]any
	require.NoError(t, db.Raw(how+sql).Scan(&steps).Error)
	require.NotEmpty(t, steps)
	var plan strings.Builder
	for _, step := range steps {
		fmt.Fprint(&plan, step)
	}
	return plan.String()
}
