package secrets

import "strings"

// Column is one that holds sealed texts, so that they can be found and sealed anew.
type Column struct {
	Table string
	Key   []string // the columns of the primary key, texts
	Name  string
}

// Place is what the secret in one row is sealed for; key has the values of the primary key in its order. A sealed text
// that is moved to another row opens no more.
func (c Column) Place(key ...string) string { return c.Table + "/" + strings.Join(key, "/") }
