// Package migrate brings a database to the schema this binary needs: each step once, in one order, all or nothing,
// with any number of processes starting at the same time.
package migrate

import (
	"regexp"

	"gorm.io/gorm"
)

// Step is one change of the schema. A module supplies its steps; migrations/chain.txt says in which order all of them
// run. A step that a database may have run is never edited: its text is history.
type Step struct {
	Revision string // as in the chain, twelve hex digits
	Up       func(tx *gorm.DB) error
	Adds     []string // the columns it makes, as "table.column": what must be there for Alembic's word that it has run to be believed
}

// SQL makes a step of statements that read the same on both databases. They are written for PostgreSQL; on SQLite
// TIMESTAMPTZ becomes DATETIME, BYTEA becomes BLOB, JSONB becomes JSON and now() becomes CURRENT_TIMESTAMP.
func SQL(statements ...string) func(tx *gorm.DB) error {
	return func(tx *gorm.DB) error {
		for _, statement := range statements {
			if tx.Name() == "sqlite" {
				statement = forSQLite(statement)
			}
			if err := tx.Exec(statement).Error; err != nil {
				return err
			}
		}
		return nil
	}
}

var sqliteWords = map[string]string{
	"TIMESTAMPTZ": "DATETIME",
	"BYTEA":       "BLOB",
	"JSONB":       "JSON",
	"now()":       "CURRENT_TIMESTAMP",
}

var postgresWord = regexp.MustCompile(`\b(?:TIMESTAMPTZ|BYTEA|JSONB|now\(\))`)

func forSQLite(statement string) string {
	return postgresWord.ReplaceAllStringFunc(statement, func(word string) string { return sqliteWords[word] })
}
