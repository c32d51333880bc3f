package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/google/uuid"
	"go.uber.org/fx"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/changes"
	"portico.internal/platform/config"
	"portico.internal/platform/database"
	"portico.internal/platform/recent"
	"portico.internal/platform/secrets"
)

// topic is that of the feed. The key is the id of a backend whose row has changed, "state" when another backend has
// become the active one or the freeze has changed, and the id of a job that has.
const (
	topic    = "storage"
	stateKey = "state"
)

// backends knows all places and opens each once.
type backends struct {
	db        *gorm.DB
	keys      *secrets.Keyring
	feed      *changes.Feed
	log       *slog.Logger
	dataDir   string
	elsewhere bool                    // an external storage service keeps the files
	rows      *recent.Cache[*Backend] // nil where there is none

	// wrap stands between a backend and those who use it, in tests that let it fail.
	wrap func(id string, b blobs) blobs

	wake     chan struct{} // there is trash to remove
	stopping context.CancelFunc
	sweeper  sync.WaitGroup

	mu     sync.Mutex
	opened map[string]*backend
}

func newBackends(life fx.Lifecycle, db *gorm.DB, keys *secrets.Keyring, feed *changes.Feed, log *slog.Logger, base config.Base, r *remote) *backends {
	b := &backends{db: db, keys: keys, feed: feed, log: log, dataDir: base.DataDir, elsewhere: r != nil, wake: make(chan struct{}, 1), opened: map[string]*backend{}}
	b.rows = recent.New(cachedBackends, func(ctx context.Context, id string) (*Backend, error) {
		var rows []Backend
		if err := db.WithContext(ctx).Where("id = ?", id).Find(&rows).Error; err != nil || len(rows) == 0 {
			return nil, err
		}
		return &rows[0], nil
	})
	feed.Subscribe(topic, func(key string) {
		if key == "" {
			b.rows.InvalidateAll()
			return
		}
		b.rows.Invalidate(key)
	})
	life.Append(fx.StopHook(b.close))
	return b
}

// cachedBackends is how many rows are kept in memory.
const cachedBackends = 100

// get returns an open backend, with the credentials it had at most a second ago. It is not to be kept: each use asks
// anew.
func (b *backends) get(ctx context.Context, id string) (*backend, error) {
	row, err := b.rows.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, fmt.Errorf("storage: there is no backend %s", id)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	old := b.opened[id]
	if old != nil && old.version >= row.Version {
		return old, nil
	}
	p, err := b.stored(row)
	if err != nil {
		return nil, err
	}
	fresh, err := p.open()
	if err != nil {
		return nil, err
	}
	if b.wrap != nil {
		fresh = b.wrap(id, fresh)
	}
	if old != nil {
		_ = old.close() // only its idle connections: whoever still uses it goes on
	}
	b.opened[id] = &backend{id: id, kind: p.kind, version: row.Version, blobs: fresh}
	return b.opened[id], nil
}

// close ends the sweeping and lets idle connections go.
func (b *backends) close() error {
	if b.stopping != nil {
		b.stopping()
		b.sweeper.Wait()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var problems []error
	for _, open := range b.opened {
		problems = append(problems, open.close())
	}
	clear(b.opened)
	return errors.Join(problems...)
}

// active returns the backend to which objects are written now.
func (b *backends) active(ctx context.Context) (*backend, error) {
	state, err := b.state(ctx)
	if err != nil {
		return nil, err
	}
	return b.get(ctx, state.BackendID)
}

// state reads the state as it is. The first to ask makes it: a folder in the data directory.
func (b *backends) state(ctx context.Context) (State, error) {
	for made := false; ; made = true {
		var rows []State
		if err := b.db.WithContext(ctx).Where("id = 1").Find(&rows).Error; err != nil {
			return State{}, err
		}
		if len(rows) == 1 {
			return rows[0], nil
		}
		if made {
			return State{}, errors.New("storage: the state has vanished")
		}
		if err := b.begin(ctx); err != nil {
			return State{}, err
		}
	}
}

func (b *backends) begin(ctx context.Context) error {
	p, err := b.parse(kindLocal, configIn{})
	if err != nil {
		return err
	}
	return database.Write(ctx, b.db, func(tx *gorm.DB) error {
		id, err := b.add(ctx, tx, p)
		if err != nil {
			return err
		}
		first := State{ID: 1, BackendID: id, UpdatedAt: tx.NowFunc()}
		return tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&first).Error
	})
}

// add returns the id of the row of a place, which is made where there is none, and otherwise gets what is new in the
// config and the secret. After the commit whoever called announces the id on the feed.
func (b *backends) add(ctx context.Context, tx *gorm.DB, p place) (string, error) {
	tx = tx.WithContext(ctx)
	row := Backend{ID: uuid.NewString(), Kind: p.kind, Place: p.fingerprint(), Version: 1, CreatedAt: tx.NowFunc(), UpdatedAt: tx.NowFunc()}
	if err := b.fill(&row, p); err != nil {
		return "", err
	}
	made := tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "place"}}, DoNothing: true}).Create(&row)
	if made.Error != nil || made.RowsAffected == 1 {
		return row.ID, made.Error
	}
	var found Backend
	err := tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("place = ?", row.Place).Take(&found).Error
	if err != nil {
		return "", err
	}
	return found.ID, b.renew(tx, &found, p)
}

// renew stores config and secret of a place in the row that it has already.
func (b *backends) renew(tx *gorm.DB, row *Backend, p place) error {
	fresh := *row
	if err := b.fill(&fresh, p); err != nil {
		return err
	}
	if fresh.Config == row.Config && b.sameSecret(row, p) {
		return nil
	}
	result := tx.Model(&Backend{}).Where("id = ? AND version = ?", row.ID, row.Version).Updates(map[string]any{
		"config": fresh.Config, "secret": fresh.Secret, "version": row.Version + 1, "updated_at": tx.NowFunc(),
	})
	if result.Error == nil && result.RowsAffected == 0 {
		return errChanged
	}
	return result.Error
}
