package secrets

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
)

// prefix begins every sealed text and tells its form. Columns that hold sealed texts have a CHECK constraint on it, so
// that nothing else gets in.
const prefix = "v1."

// form is that of all sealed texts, and outline what the constraint sees of it. What is between the two is damaged: it
// must not keep its setting from being read.
var (
	form    = regexp.MustCompile(`^v1\.([0-9a-f]{16})\.([A-Za-z0-9+/]+)$`)
	outline = regexp.MustCompile(`(?is)^v1\..{16}\.`)
)

// Sealed is an encrypted secret with the id of its key, as it is stored. Only [Keyring.Seal] and a database make one.
// The zero value is none. Printed, logged or encoded it shows nothing, not even the ciphertext.
type Sealed struct{ text string }

var (
	_ sql.Scanner    = (*Sealed)(nil)
	_ driver.Valuer  = Sealed{}
	_ fmt.Formatter  = Sealed{}
	_ slog.LogValuer = Sealed{}
)

// IsZero tells whether there is no secret.
func (s Sealed) IsZero() bool { return s.text == "" }

// GormDataType is that of a text column.
func (Sealed) GormDataType() string { return "string" }

// Scan implements [sql.Scanner]. A text that is not sealed is an error that does not repeat it.
func (s *Sealed) Scan(value any) error {
	var text string
	switch v := value.(type) {
	case nil:
	case string:
		text = v
	case []byte:
		text = string(v)
	}
	if value != nil && !outline.MatchString(text) {
		return errors.New("a secret in the database is not encrypted")
	}
	s.text = text
	return nil
}

// Value implements [driver.Valuer].
func (s Sealed) Value() (driver.Value, error) {
	if s.IsZero() {
		return nil, nil
	}
	return s.text, nil
}

// Format implements [fmt.Formatter].
func (s Sealed) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Hidden)) }

// LogValue implements [slog.LogValuer].
func (s Sealed) LogValue() slog.Value { return slog.StringValue(Hidden) }

// MarshalText keeps the secret out of everything that is encoded.
func (s Sealed) MarshalText() ([]byte, error) { return []byte(Hidden), nil }
