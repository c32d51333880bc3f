package database

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
)

// attempts is how often a transaction that PostgreSQL sacrificed to another one is run, the first run included.
const attempts = 4

// Write runs fn in one transaction that commits when fn returns nil, within 4 s in all (see [Patience]). On SQLite it is the only
// writer of this process meanwhile; others queue, first come first served. On PostgreSQL fn is run again when the
// transaction fell to a deadlock or a serialization failure, so it must have no effect outside tx.
//
// When db is a transaction already, fn becomes part of it.
func Write(ctx context.Context, db *gorm.DB, fn func(tx *gorm.DB) error) error {
	if _, inside := db.Statement.ConnPool.(gorm.TxCommitter); inside {
		return fn(db.WithContext(ctx))
	}
	ctx, cancel := within(ctx)
	defer cancel()
	if !IsPostgres(db) {
		writer := houseOf(db).writer
		if err := writer.Acquire(ctx, 1); err != nil {
			return Classify(err)
		}
		defer writer.Release(1)
	}
	for attempt := 1; ; attempt++ {
		err := db.WithContext(ctx).Transaction(fn)
		if attempt == attempts || !sacrificed(err) {
			return Classify(err)
		}
		select {
		case <-ctx.Done():
			return Classify(err)
		case <-time.After(time.Duration(attempt) * (5 + rand.N(time.Duration(10))) * time.Millisecond):
		}
	}
}

// sacrificed tells a deadlock or serialization failure, after which the same transaction may well succeed.
func sacrificed(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (pg.Code == "40001" || pg.Code == "40P01")
}
