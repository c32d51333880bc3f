package alembictest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// Rows is what a database holds in its tables: their columns, and their rows as JSON.
type Rows struct {
	columns map[string]string
	Of      map[string][]string
}

// Read reads all tables and columns there are.
func Read(t testing.TB, d testkit.Database) Rows {
	t.Helper()
	var tables []struct{ Name, Columns string }
	require.NoError(t, d.Open(t).Raw(`SELECT table_name AS name, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) AS columns
		FROM information_schema.columns WHERE table_schema = 'public' GROUP BY table_name`).Scan(&tables).Error)
	require.NotEmpty(t, tables)
	r := Rows{columns: map[string]string{}}
	for _, table := range tables {
		r.columns[table.Name] = table.Columns
	}
	return r.Again(t, d)
}

// Again reads the same tables and columns once more.
func (r Rows) Again(t testing.TB, d testkit.Database) Rows {
	t.Helper()
	db := d.Open(t)
	r.Of = map[string][]string{}
	for table, columns := range r.columns {
		var rows []string
		require.NoError(t, db.Raw("SELECT row_to_json(r)::text FROM (SELECT "+columns+" FROM "+table+") r ORDER BY 1").Scan(&rows).Error)
		r.Of[table] = rows
	}
	return r
}
