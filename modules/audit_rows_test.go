package modules_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/testkit"
)

// breakable is a database whose audit log can be kept from taking entries.
type breakable struct{ *gorm.DB }

func newBreakable(t testing.TB, d testkit.Database) breakable {
	t.Helper()
	b := breakable{d.Open(t)}
	statements := []string{
		`CREATE TABLE broken (id INTEGER)`,
		`CREATE TRIGGER refuse BEFORE INSERT ON audit_entries WHEN EXISTS (SELECT 1 FROM broken) BEGIN SELECT RAISE(ABORT, 'secret reason'); END`,
	}
	if d.Name == "postgres" {
		statements = []string{statements[0],
			`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
				$$ BEGIN IF EXISTS (SELECT 1 FROM broken) THEN RAISE EXCEPTION 'secret reason'; END IF; RETURN NEW; END $$`,
			`CREATE TRIGGER refuse BEFORE INSERT ON audit_entries FOR EACH ROW EXECUTE FUNCTION refuse()`}
	}
	for _, s := range statements {
		require.NoError(t, b.Exec(s).Error)
	}
	return b
}

// unable runs fn while nothing can be recorded.
func (b breakable) unable(t testing.TB, fn func()) {
	t.Helper()
	require.NoError(t, b.Exec("INSERT INTO broken (id) VALUES (1)").Error)
	fn()
	require.NoError(t, b.Exec("DELETE FROM broken").Error)
}

// ownWork are tables that the gateway writes to by itself, whatever is asked of it.
var ownWork = []string{"broken", "storage_uploads", "storage_trash", "storage_jobs", "storage_receipts", "storage_state"}

// rows are those of all tables that only requests change, as text.
func (b breakable) rows(t testing.TB) string {
	t.Helper()
	tables, err := b.Migrator().GetTables()
	require.NoError(t, err)
	slices.Sort(tables)
	require.Greater(t, len(tables), 15)
	var out strings.Builder
	for _, table := range tables {
		if !slices.Contains(ownWork, table) {
			out.WriteString(b.table(t, table))
		}
	}
	return out.String()
}

func (b breakable) text(t testing.TB) string { return b.table(t, "audit_entries") }

func (b breakable) table(t testing.TB, name string) string {
	t.Helper()
	var rows []map[string]any
	require.NoError(t, b.Table(name).Find(&rows).Error)
	lines := make([]string, len(rows))
	for i := range rows {
		lines[i] = fmt.Sprintf("%s %v\n", name, rows[i])
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
