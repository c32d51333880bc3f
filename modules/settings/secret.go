package settings

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/logging"
	"portico.internal/platform/secrets"
)

// Secret is a field of a setting that is stored encrypted, beside the document. The zero value is none.
type Secret struct {
	sealed secrets.Sealed
	place  string // it was sealed for
}

// IsSet tells whether there is one.
func (s Secret) IsSet() bool { return !s.sealed.IsZero() }

// hidden is [secrets.Hidden], or nil where there is none.
func (s Secret) hidden() any {
	if !s.IsSet() {
		return nil
	}
	return secrets.Hidden
}

// Format implements [fmt.Formatter]: nothing is shown.
func (s Secret) Format(f fmt.State, verb rune) { s.sealed.Format(f, verb) }

// LogValue implements [slog.LogValuer]: nothing is shown.
func (s Secret) LogValue() slog.Value { return s.sealed.LogValue() }

// MarshalJSON keeps the secret out of the document.
func (Secret) MarshalJSON() ([]byte, error) { return []byte("null"), nil }

// UnmarshalJSON takes nothing: no document holds a secret.
func (*Secret) UnmarshalJSON([]byte) error { return nil }

// Seal encrypts a secret for a field of the setting, named as in its JSON with dots between. No such field panics.
func (t *Typed[T]) Seal(field, plain string) Secret {
	for _, f := range t.fields {
		if f.path == field {
			where := place(t.Key, field)
			return Secret{t.store.keys.Seal(plain, where), where}
		}
	}
	panic(fmt.Sprintf("settings: %s has no secret field %q", t.Key, field))
}

// Open decrypts a secret, empty where there is none. It fails with the errors of [secrets.Keyring.Open].
func (s *Store) Open(secret Secret) (string, error) {
	if !secret.IsSet() {
		return "", nil
	}
	return s.keys.Open(secret.sealed, secret.place)
}

// Mask is what may be shown of a secret: see [secrets.Mask]. Nil where there is none; of one that cannot be opened
// nothing is shown.
func (s *Store) Mask(secret Secret) *string {
	if !secret.IsSet() {
		return nil
	}
	mask := secrets.Hidden
	if plain, err := s.Open(secret); err == nil {
		mask = secrets.Mask(plain)
	}
	return &mask
}

var sealedFields = secrets.Column{Table: "setting_secrets", Key: []string{"setting_key", "field"}, Name: "sealed"}

// place is what the secret of a field is sealed for.
func place(key, field string) string { return sealedFields.Place(key, field) }

// secretField is where a T has a secret. This list is the one that decides what is encrypted, what history leaves out,
// and, by the rule of [secretFields], what logs redact.
type secretField struct {
	path  string
	index []int
}

func (f secretField) of(v any) *Secret {
	return reflect.ValueOf(v).Elem().FieldByIndex(f.index).Addr().Interface().(*Secret)
}

var secretType = reflect.TypeFor[Secret]()

func secretFields[T any]() []secretField {
	var list []secretField
	var walk func(t reflect.Type, path string, index []int)
	walk = func(t reflect.Type, path string, index []int) {
		for i := range t.NumField() {
			f := t.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			at := append(index[:len(index):len(index)], i)
			switch {
			case !f.IsExported() && !f.Anonymous:
			case f.Type == secretType && !logging.Secret(name):
				panic(fmt.Sprintf("settings: the secret %s%s has a name under which logs would show it", path, name))
			case f.Type == secretType:
				list = append(list, secretField{path + name, at})
			case f.Type.Kind() == reflect.Struct && f.Anonymous && name == "":
				walk(f.Type, path, at)
			case f.Type.Kind() == reflect.Struct:
				walk(f.Type, path+name+".", at)
			case holdsSecret(f.Type, map[reflect.Type]bool{}):
				panic(fmt.Sprintf("settings: %s%s holds secrets and must be a struct", path, name))
			}
		}
	}
	walk(reflect.TypeFor[T](), "", nil)
	return list
}

// holdsSecret finds secrets behind pointers and in lists, where they have no fixed place.
func holdsSecret(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return holdsSecret(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsSecret(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return t == secretType
}

// keep stores or removes the secret of a field.
func keep(tx *gorm.DB, key, field string, s Secret) error {
	if !s.IsSet() {
		return tx.Where("setting_key = ? AND field = ?", key, field).Delete(&SettingSecret{}).Error
	}
	if s.place != place(key, field) {
		return fmt.Errorf("setting %s: the secret of %s was sealed for another place", key, field)
	}
	return tx.Clauses(clause.OnConflict{UpdateAll: true}).
		Create(&SettingSecret{SettingKey: key, Field: field, Sealed: s.sealed}).Error
}
