package database

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
)

// Strings is a JSON column that holds an array of strings. It is never null, neither there nor here: nil is written as
// [], and what is read is not nil.
type Strings []string

// GormDataType names the column's type.
func (Strings) GormDataType() string { return "json" }

// Value writes the array as text.
func (s Strings) Value() (driver.Value, error) {
	if s == nil {
		return "[]", nil
	}
	text, err := json.Marshal([]string(s))
	return string(text), err
}

// Scan reads a JSON column.
func (s *Strings) Scan(value any) error {
	var text []byte
	switch v := value.(type) {
	case string:
		text = []byte(v)
	case []byte:
		text = v
	default:
		return fmt.Errorf("an array of strings cannot be read from %T", value)
	}
	list := []string{}
	if err := json.Unmarshal(text, &list); err != nil {
		return fmt.Errorf("an array of strings cannot be read: %w", err)
	}
	if list == nil {
		list = []string{}
	}
	*s = list
	return nil
}
