package migrate

import (
	"context"
	"fmt"
	"strings"

	"gorm.io/gorm"

	"portico.internal/platform/database"
)

// Schema describes all tables of the database as text that is the same for the same schema: as SQL, with one column
// or constraint a line, in the order of their names where the database keeps none.
func Schema(ctx context.Context, db *gorm.DB) (string, error) {
	db = db.WithContext(ctx)
	if database.IsPostgres(db) {
		return postgresSchema(db)
	}
	var statements []string
	err := db.Raw(`SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'
		ORDER BY tbl_name, type DESC, name`).Scan(&statements).Error
	for i, statement := range statements {
		statements[i] = tidy(statement)
	}
	return strings.Join(statements, ";\n") + ";\n", err
}

// tidy puts each column and constraint of a CREATE statement on a line of its own.
func tidy(statement string) string {
	words := strings.Join(strings.Fields(statement), " ")
	if !strings.HasPrefix(words, "CREATE TABLE") {
		return words
	}
	var out strings.Builder
	depth := 0
	for _, c := range words {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		}
		switch {
		case c == '(' && depth == 1:
			out.WriteString("(\n ")
		case c == ')' && depth == 0:
			out.WriteString("\n)")
		case c == ',' && depth == 1:
			out.WriteString(",\n")
		default:
			out.WriteRune(c)
		}
	}
	return strings.NewReplacer("\n  ", "\n ", " \n)", "\n)").Replace(out.String())
}

const postgresTables = `
SELECT c.relname FROM pg_class c
WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace ORDER BY c.relname`

const postgresLines = `
SELECT line FROM (
	SELECT 0 AS kind, a.attnum AS place, '' AS name,
		a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
		|| CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
		|| coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '') AS line
	FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
	WHERE a.attrelid = to_regclass(@table) AND a.attnum > 0 AND NOT a.attisdropped
	UNION ALL
	SELECT 1, 0, conname, 'CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(oid)
	FROM pg_constraint WHERE conrelid = to_regclass(@table) AND contype <> 'n'
) lines ORDER BY kind, place, name`

const postgresIndexes = `
SELECT regexp_replace(pg_get_indexdef(i.indexrelid), ' ON \S+\.', ' ON ') FROM pg_index i
WHERE i.indrelid = to_regclass(@table) AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid AND contype IN ('p', 'u', 'x'))
ORDER BY i.indexrelid::regclass::text`

func postgresSchema(db *gorm.DB) (string, error) {
	var tables []string
	if err := db.Raw(postgresTables).Scan(&tables).Error; err != nil {
		return "", err
	}
	var out strings.Builder
	for _, table := range tables {
		var lines, indexes []string
		arg := map[string]any{"table": table}
		if err := db.Raw(postgresLines, arg).Scan(&lines).Error; err != nil {
			return "", err
		}
		if err := db.Raw(postgresIndexes, arg).Scan(&indexes).Error; err != nil {
			return "", err
		}
		fmt.Fprintf(&out, "CREATE TABLE %s (\n %s\n);\n", table, strings.Join(lines, ",\n "))
		for _, index := range indexes {
			out.WriteString(index + ";\n")
		}
	}
	return out.String(), nil
}

// columns returns every column as "table.column", also where the account of the database may not read it.
func columns(tx *gorm.DB) (map[string]bool, error) {
	query := `SELECT m.name || '.' || c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`
	if database.IsPostgres(tx) {
		query = `SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped AND n.nspname = ANY (current_schemas(false))`
	}
	var names []string
	if err := tx.Raw(query).Scan(&names).Error; err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, name := range names {
		there[name] = true
	}
	return there, nil
}
