package settings

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"gorm.io/gorm"

	"portico.internal/platform/audit"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

// Change is a change of a setting under way, inside its transaction.
type Change struct {
	*gorm.DB
	ctx     context.Context
	audit   *audit.Log
	touched bool
	altered []alteration
}

// Touch counts the version up although the document stays: something else that is kept under this setting's version is
// another now.
func (c *Change) Touch() { c.touched = true }

// keptChanges is how many changes of one key the history keeps; the oldest go first.
const keptChanges = 200

// Record writes into the history that the value of a key is another now, and counts the version up. The values are
// written as JSON and must not hold secrets; nil: there is no value.
func (c *Change) Record(key string, before, after any) error {
	return c.record(key, before, after, nil)
}

func (c *Change) record(key string, before, after any, sealed audit.Changes) error {
	c.Touch()
	row := SettingChange{ID: uuid.NewString(), Key: key, ChangedAt: c.NowFunc(), ChangedBy: c.by()}
	if caller := identity.From(c.ctx); caller != nil && caller.Email != "" {
		row.ChangedByEmail = &caller.Email
	}
	var err error
	restoring, _ := c.ctx.Value(restoringKey{}).(*restoring)
	if restoring != nil && restoring.made.Key == key { // not what else changes with it
		row.RestoredFrom, restoring.made = &restoring.from, &row
	}
	if row.OldValue, err = encode(before); err != nil {
		return err
	}
	if row.NewValue, err = encode(after); err != nil {
		return err
	}
	if err := c.Create(&row).Error; err != nil {
		return err
	}
	event := eventOf(key, before, after)
	event.Changes = audit.Diff(before, after)
	maps.Copy(event.Changes, sealed)
	c.altered = append(c.altered, alteration{key, event.Changes.Fields()})
	if row.RestoredFrom != nil {
		event.Changes["restored_from"] = audit.Change{New: *row.RestoredFrom}
	}
	if err := c.audit.Record(c.ctx, c.DB, event); err != nil {
		return err
	}
	return c.Exec("DELETE FROM setting_changes WHERE key = ? AND id NOT IN "+
		"(SELECT id FROM setting_changes WHERE key = ? ORDER BY changed_at DESC, id DESC LIMIT ?)", key, key, keptChanges).Error
}

// by is the id of the user who makes the change, nil where it is none.
func (c *Change) by() *string {
	if caller := identity.From(c.ctx); caller != nil {
		return &caller.ID
	}
	return nil
}

func encode(v any) (*string, error) {
	if v == nil {
		return nil, nil
	}
	text, err := json.Marshal(v)
	s := string(text)
	return &s, err
}

// record stores the secrets that differ, and writes the history where anything does.
func (t *Typed[T]) record(c *Change, before, after T) (altered bool, err error) {
	sealed := audit.Changes{}
	for _, f := range t.fields {
		if old, now := *f.of(&before), *f.of(&after); old != now {
			sealed[f.path] = audit.Change{Old: old.hidden(), New: now.hidden()}
			if err := keep(c.DB, t.Key, f.path, now); err != nil {
				return false, err
			}
		}
	}
	shownBefore, err := shown(before)
	if err != nil {
		return false, err
	}
	shownAfter, err := shown(after)
	if err != nil || len(sealed) == 0 && bytes.Equal(shownBefore, shownAfter) {
		return false, err
	}
	return true, c.record(t.Key, shownBefore, shownAfter, sealed)
}

// shown is a value as JSON, with [secrets.Hidden] where it has a secret.
func shown(v any) (jsontext.Value, error) {
	return json.Marshal(v, json.Deterministic(true), json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, s Secret) error {
		return json.MarshalEncode(enc, s.hidden())
	})))
}

// restorer makes a value of the past that of the key again. Nil: there was none.
type restorer func(ctx context.Context, key string, value []byte) error

// Restorer says who brings back values that were recorded under keys beginning with prefix, which ends with a dot. Another
// prefix, or one that has its restorer already, is a programming error and panics.
func (s *Store) Restorer(prefix string, restore func(ctx context.Context, key string, value []byte) error) {
	if !strings.HasSuffix(prefix, ".") || s.restorers[prefix] != nil {
		panic(fmt.Sprintf("settings: the prefix %q is malformed or has its restorer already", prefix))
	}
	s.restorers[prefix] = restore
}

func (t *Typed[T]) restore(ctx context.Context, _ string, value []byte) error {
	var past T
	if value == nil {
		value = []byte("{}")
	}
	if err := t.parse(value, &past); err != nil {
		return errs.Wrap(errs.BadRequest, "The value does not fit this setting any more", err)
	}
	_, err := t.Change(ctx, web.IfMatch{}, func(c *Change, v *T) error {
		for _, f := range t.fields {
			*f.of(&past) = *f.of(v)
		}
		if t.OnRestore != nil {
			if err := t.OnRestore(c, *v, &past); err != nil {
				return err
			}
		}
		*v = past
		return nil
	})
	return err
}

// restoring goes with the context of a change that brings back a value.
type restoring struct {
	from string         // id of the change it was recorded with
	made *SettingChange // by which it is brought back
}

type restoringKey struct{}

// restoreChange brings back the value from before a change, or the one from after it, and returns the change that this
// is, or the one named where there was nothing to change. It fails with errs.NotFound where there is no such change, and
// with errs.BadRequest where the value cannot be had any more.
func (s *Store) restoreChange(ctx context.Context, id string, after bool) (*SettingChange, error) {
	var row SettingChange
	err := s.db.WithContext(ctx).Where("id = ?", id).Take(&row).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errs.New(errs.NotFound, "Change not found")
	}
	if err != nil {
		return nil, err
	}
	restore := s.restorerOf(row.Key)
	if restore == nil {
		return nil, errs.New(errs.BadRequest, "This setting does not exist any more")
	}
	text := row.OldValue
	if after {
		text = row.NewValue
	}
	var value []byte
	if text != nil {
		value = []byte(*text)
	}
	r := &restoring{from: row.ID, made: &row}
	err = restore(context.WithValue(ctx, restoringKey{}, r), row.Key, value)
	return r.made, err
}

func (s *Store) restorerOf(key string) restorer {
	if r := s.restorers[key]; r != nil {
		return r
	}
	for _, prefix := range slices.Backward(slices.Sorted(maps.Keys(s.restorers))) { // the longest first
		if strings.HasSuffix(prefix, ".") && strings.HasPrefix(key, prefix) {
			return s.restorers[prefix]
		}
	}
	return nil
}
