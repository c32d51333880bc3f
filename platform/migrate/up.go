package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/go-gormigrate/gormigrate/v2"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
)

const (
	turn       = 5 * time.Minute  // how long a start waits while another process migrates
	work       = 30 * time.Minute // how long the steps of one start may take
	tableLocks = "10s"            // how long one statement waits for a table that is in use; it holds up all later users of it
)

// Applied is a step that Up has recorded: run by it, or adopted from Alembic.
type Applied struct {
	Link
	Adopted bool
}

// Up runs what is pending, in one transaction and under a lock that all processes share, and returns what it recorded.
// A step that fails leaves the database as it was; the error names the step.
//
// Where a table alembic_version tells that Alembic has made the schema so far, those steps are recorded as done once
// their columns have been found. It refuses a database that is newer than this binary. Nothing is ever dropped.
func (p *Plan) Up(ctx context.Context, db *gorm.DB) ([]Applied, error) {
	ctx = database.Patience(ctx, work)
	var applied []Applied
	err := p.exclusively(ctx, db, func(tx *gorm.DB) (err error) {
		applied, err = p.up(tx)
		return err
	})
	if err != nil {
		return nil, remedy(err)
	}
	return applied, nil
}

// remedy says what an operator can do where PostgreSQL's own words do not:
// https://www.postgresql.org/docs/current/errcodes-appendix.html.
func remedy(err error) error {
	var refused interface{ SQLState() string }
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.SQLState() {
	case "42501": // insufficient_privilege
		return fmt.Errorf("%w; database.url (DATABASE_URL) must name the account that owns the tables; nothing was changed", err)
	case "55P03": // lock_not_available
		return fmt.Errorf("%w; something else uses the table, such as an older backend: stop it, then start again; nothing was changed", err)
	}
	return err
}

// exclusively runs fn in a transaction no other process can be in at the same time. On SQLite that is any writing one,
// and on PostgreSQL the one that holds the plan's advisory lock.
func (p *Plan) exclusively(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error) error {
	if database.IsPostgres(db) {
		return db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
			if err := p.lock(tx); err != nil {
				return err
			}
			return fn(tx)
		}, &sql.TxOptions{Isolation: sql.LevelReadCommitted}) // what the holder before us committed must be seen
	}
	for until := time.Now().Add(turn); ; {
		entered := false
		err := database.Write(ctx, db, func(tx *gorm.DB) error {
			entered = true
			return fn(tx)
		})
		// SQLite waits for another process only for a moment, which a long migration outlasts.
		if entered || errs.KindOf(err) != errs.Unavailable || ctx.Err() != nil || time.Now().After(until) {
			return err
		}
	}
}

// lock waits for its turn, and then lets no statement wait long for a table.
func (p *Plan) lock(tx *gorm.DB) error {
	key := fnv.New64a()
	key.Write([]byte("portico migrations " + p.table))
	for _, statement := range []string{
		"SET LOCAL statement_timeout = 0",
		"SET LOCAL idle_in_transaction_session_timeout = 0", // a step may do more than ask the database
		fmt.Sprintf("SET LOCAL lock_timeout = '%ds'", int(turn.Seconds())),
		fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", int64(key.Sum64())), // ends with the transaction, on whichever connection
		"SET LOCAL lock_timeout = '" + tableLocks + "'",
	} {
		if err := tx.Exec(statement).Error; err != nil {
			return fmt.Errorf("waiting for another process to migrate: %w", err)
		}
	}
	return nil
}

func (p *Plan) up(tx *gorm.DB) ([]Applied, error) {
	found, err := p.inspect(tx)
	if err != nil || found.atHead() {
		return nil, err
	}
	if err := SQL(fmt.Sprintf(
		`CREATE TABLE IF NOT EXISTS %s (id VARCHAR(255) NOT NULL PRIMARY KEY, applied_at TIMESTAMPTZ NOT NULL DEFAULT now())`, p.table,
	))(tx); err != nil {
		return nil, err
	}
	var applied []Applied
	for _, link := range found.Adoptable {
		if err := tx.Exec("INSERT INTO "+p.table+" (id) VALUES (?)", link.Revision).Error; err != nil {
			return nil, err
		}
		applied = append(applied, Applied{Link: link, Adopted: true})
	}
	if len(p.steps) == 0 {
		return applied, nil
	}
	migrations := make([]*gormigrate.Migration, len(p.steps))
	for i, step := range p.steps {
		migrations[i] = &gormigrate.Migration{ID: step.Link.Revision, Migrate: func(tx *gorm.DB) error {
			if err := step.Up(tx); err != nil {
				return fmt.Errorf("migration %s: %w", step.Link, err)
			}
			applied = append(applied, Applied{Link: step.Link})
			return nil
		}}
	}
	options := &gormigrate.Options{TableName: p.table, IDColumnName: "id"}
	if err := gormigrate.New(tx, options, migrations).Migrate(); err != nil {
		return nil, err
	}
	return applied, nil
}

// AtHead returns nil when nothing is pending. It reads only.
func (p *Plan) AtHead(ctx context.Context, db *gorm.DB) error {
	found, err := p.inspect(db.WithContext(ctx))
	switch {
	case err != nil:
		return err
	case len(found.Adoptable) > 0:
		return errors.New("the database was made by Alembic and is not taken over yet")
	case len(found.Pending) > 0:
		return fmt.Errorf("the database lacks %d migrations, first %s", len(found.Pending), found.Pending[0])
	}
	return nil
}

// Usable returns nil when a process that runs already can go on: all of its steps are done. What a newer binary has done
// besides does not matter, for its steps keep what the release before them needs (migrations/README.md). It reads only.
func (p *Plan) Usable(ctx context.Context, db *gorm.DB) error {
	recorded, err := values(db.WithContext(ctx), p.table, "id")
	if err != nil {
		return err
	}
	for _, step := range p.steps {
		if !slices.Contains(recorded, step.Link.Revision) {
			return fmt.Errorf("the database lacks migration %s", step.Link)
		}
	}
	return nil
}
