package settings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/audit"
	"portico.internal/platform/changes"
	"portico.internal/platform/errs"
	"portico.internal/platform/recent"
	"portico.internal/platform/secrets"
	"portico.internal/platform/web"
)

// Store keeps settings: for each key one document, a version that counts its changes, its secrets encrypted beside it,
// and the history. A module declares its settings with [Of] where it is built.
type Store struct {
	db    *gorm.DB
	keys  *secrets.Keyring
	feed  *changes.Feed
	audit *audit.Log
	log   *slog.Logger
	rows  *recent.Cache[document]

	restorers map[string]restorer // by key, or by the prefix of keys where it ends with a dot
}

// topic is that of the feed; the key is the setting's.
const topic = "settings"

// cached is how many settings are kept in memory.
const cached = 1000

func newStore(db *gorm.DB, keys *secrets.Keyring, feed *changes.Feed, a *audit.Log, log *slog.Logger) *Store {
	s := &Store{db: db, keys: keys, feed: feed, audit: a, log: log, restorers: map[string]restorer{}}
	s.rows = recent.New(cached, func(ctx context.Context, key string) (document, error) { return read(s.db.WithContext(ctx), key) })
	feed.Subscribe(topic, func(key string) {
		if key == "" {
			s.rows.InvalidateAll()
			return
		}
		s.rows.Invalidate(key)
	})
	return s
}

// document is a setting as it is stored.
type document struct {
	Setting
	sealed map[string]secrets.Sealed // by field
}

// read returns a setting as one statement sees it, so that a secret never goes with the document of another moment.
// One that nobody has changed yet has version 0.
func read(db *gorm.DB, key string) (document, error) {
	var rows []struct {
		Setting
		Field  string
		Sealed secrets.Sealed
	}
	d := document{Setting: Setting{Key: key, Value: "{}"}, sealed: map[string]secrets.Sealed{}}
	err := db.Table("settings AS s").
		Select("s.key, s.value, s.version, s.updated_at, s.updated_by, COALESCE(x.field, '') AS field, x.sealed").
		Joins("LEFT JOIN setting_secrets AS x ON x.setting_key = s.key").
		Where("s.key = ?", key).Scan(&rows).Error
	for _, row := range rows {
		d.Setting = row.Setting
		if row.Field != "" {
			d.sealed[row.Field] = row.Sealed
		}
	}
	return d, err
}

// Typed is one setting, kept as the JSON object of a T. A member that is not in the stored document has the value it has
// in the fallback; one that T does not know, put there by a newer version of the program, is kept, unless it is within a
// list. An entry of a map that is to be taken out must not be in the fallback.
type Typed[T any] struct {
	Key string

	store    *Store
	fallback jsontext.Value // as text, so that no two values share a map or a slice of it
	fields   []secretField

	// OnRestore adapts and checks a value of the past before it takes the place of the present one. Secrets are those
	// of the present value. Nil: as it was.
	OnRestore func(c *Change, present T, past *T) error
}

const maxKey = 200

var keyForm = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)*$`)

// Of declares a setting. The key is lower-case words with dots between, the module's name first, at most 200 characters.
// Fields of T with the type [Secret] are encrypted; they must be in T itself or in structs of it, under a name that no
// log shows the value of. A key that is declared twice, or breaks these rules, is a programming error and panics.
func Of[T any](s *Store, key string, fallback T) *Typed[T] {
	if !keyForm.MatchString(key) || len(key) > maxKey || s.restorers[key] != nil {
		panic(fmt.Sprintf("settings: the key %q is malformed or declared twice", key))
	}
	text, err := json.Marshal(fallback)
	if err != nil {
		panic(fmt.Sprintf("settings: the fallback of %s is no JSON: %s", key, err))
	}
	t := &Typed[T]{Key: key, store: s, fallback: text, fields: secretFields[T]()}
	s.restorers[key] = t.restore
	return t
}

// Value is a setting at one moment.
type Value[T any] struct {
	Is        T
	Version   int64 // 0 while nobody has changed it
	UpdatedAt *time.Time
}

// Get returns the setting as it was at most a second ago on any replica, and at once after a change of this one.
func (t *Typed[T]) Get(ctx context.Context) (Value[T], error) {
	d, err := t.store.rows.Get(ctx, t.Key)
	if err != nil {
		return Value[T]{}, err
	}
	return t.decode(d)
}

// Read returns the setting as it is, for those who are about to change it.
func (t *Typed[T]) Read(ctx context.Context) (Value[T], error) {
	d, err := read(t.store.db.WithContext(ctx), t.Key)
	if err != nil {
		return Value[T]{}, err
	}
	return t.decode(d)
}

func (t *Typed[T]) decode(d document) (Value[T], error) {
	v := Value[T]{Version: d.Version}
	if d.Version > 0 {
		v.UpdatedAt = &d.UpdatedAt
	}
	if err := t.parse([]byte(d.Value), &v.Is); err != nil {
		return v, fmt.Errorf("stored setting %s: %w", t.Key, err)
	}
	for _, f := range t.fields {
		*f.of(&v.Is) = Secret{d.sealed[f.path], place(t.Key, f.path)}
	}
	return v, nil
}

// parse reads a document over the fallback.
func (t *Typed[T]) parse(text []byte, v *T) error {
	return errors.Join(json.Unmarshal(t.fallback, v), json.Unmarshal(text, v))
}

// Change lets change alter the setting in one transaction, in which no other change of it is under way, and returns what
// has come out. Where it fails, or alters nothing and records nothing, nothing is stored. It fails with
// errs.PreconditionFailed where the version is not one that match wants.
func (t *Typed[T]) Change(ctx context.Context, match web.IfMatch, change func(c *Change, v *T) error) (out Value[T], err error) {
	var c *Change
	err = t.store.feed.Write(ctx, topic, t.Key, func(tx *gorm.DB) error {
		d, err := hold(tx, t.Key)
		if err != nil {
			return err
		}
		if !match.Holds(d.Version) {
			return errs.New(errs.PreconditionFailed, "")
		}
		before, err := t.decode(d)
		if err != nil {
			return err
		}
		out, err = t.decode(d) // a copy of its own
		if err != nil {
			return err
		}
		c = &Change{DB: tx, ctx: ctx, audit: t.store.audit}
		if err := change(c, &out.Is); err != nil {
			return err
		}
		altered, err := t.record(c, before.Is, out.Is)
		if err != nil || !altered && !c.touched {
			return err
		}
		value, err := overlay(d.Value, before.Is, out.Is)
		if err != nil {
			return err
		}
		now := tx.NowFunc()
		out.Version, out.UpdatedAt = d.Version+1, &now
		return store(tx, d.Version, Setting{Key: t.Key, Value: string(value), Version: out.Version, UpdatedAt: now, UpdatedBy: c.by()})
	})
	if err == nil {
		t.store.note(ctx, c.altered)
	}
	return out, err
}

// hold reads a setting and keeps others from changing it until the transaction ends.
func hold(tx *gorm.DB, key string) (document, error) {
	fresh := Setting{Key: key, Value: "{}", UpdatedAt: tx.NowFunc()}
	if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&fresh).Error; err != nil {
		return document{}, err
	}
	if err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).Where("key = ?", key).Take(&fresh).Error; err != nil {
		return document{}, err
	}
	return read(tx, key)
}

// store replaces the version that was read, and no other.
func store(tx *gorm.DB, read int64, row Setting) error {
	result := tx.Model(&Setting{}).Where("key = ? AND version = ?", row.Key, read).
		Updates(map[string]any{"value": row.Value, "version": row.Version, "updated_at": row.UpdatedAt, "updated_by": row.UpdatedBy})
	if result.Error == nil && result.RowsAffected == 0 {
		return errs.New(errs.PreconditionFailed, "")
	}
	return result.Error
}

// overlay writes a change of what T knows into the stored document. Members that T does not know stay: a newer replica
// has put them there.
func overlay(stored string, before, after any) (jsontext.Value, error) {
	was, err := json.Marshal(before)
	if err != nil {
		return nil, err
	}
	now, err := json.Marshal(after)
	if err != nil {
		return nil, err
	}
	return merge(jsontext.Value(stored), was, now)
}

// merge works on texts, for a number may have more digits than a float64 holds.
func merge(stored, before, after jsontext.Value) (jsontext.Value, error) {
	var object, was, now map[string]jsontext.Value
	err := errors.Join(json.Unmarshal(stored, &object), json.Unmarshal(before, &was), json.Unmarshal(after, &now))
	if err != nil {
		return nil, err
	}
	for name := range was {
		if _, stays := now[name]; !stays {
			delete(object, name)
		}
	}
	for name, value := range now {
		if value.Kind() == '{' && object[name].Kind() == '{' {
			past := was[name]
			if past.Kind() != '{' {
				past = jsontext.Value("{}")
			}
			if value, err = merge(object[name], past, value); err != nil {
				return nil, err
			}
		}
		object[name] = value
	}
	return json.Marshal(object, json.Deterministic(true))
}
