package database

import (
	"context"
	"time"

	"golang.org/x/sync/semaphore"
	"gorm.io/gorm"
)

// patience leaves a second of the five within which a caller learns that the database is gone.
const patience = 4 * time.Second

type patienceKey struct{}

// Patience lets each statement and each [Write] under the returned context take as long as d, in place of 4 s.
// An earlier deadline of the context holds all the same.
func Patience(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, d)
}

func within(ctx context.Context) (context.Context, context.CancelFunc) {
	d, ok := ctx.Value(patienceKey{}).(time.Duration)
	if !ok {
		d = patience
	}
	return context.WithTimeout(ctx, d)
}

const houseName = "portico"

// house is what a *gorm.DB of this package carries: the queue of SQLite's writers, and a deadline on every statement.
type house struct{ writer *semaphore.Weighted }

func houseOf(db *gorm.DB) *house { return db.Plugins[houseName].(*house) }

func (*house) Name() string { return houseName }

const (
	before = houseName + ":deadline"
	after  = houseName + ":deadline_over"
	undo   = houseName + ":undo"
)

func (*house) Initialize(db *gorm.DB) error {
	callback := db.Callback()
	for _, err := range []error{
		callback.Create().Before("*").Register(before, begin), callback.Create().After("*").Register(after, end),
		callback.Query().Before("*").Register(before, begin), callback.Query().After("*").Register(after, end),
		callback.Update().Before("*").Register(before, begin), callback.Update().After("*").Register(after, end),
		callback.Delete().Before("*").Register(before, begin), callback.Delete().After("*").Register(after, end),
		callback.Raw().Before("*").Register(before, begin), callback.Raw().After("*").Register(after, end),
		callback.Row().Before("*").Register(before, begin), callback.Row().After("*").Register(after, handOver),
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// deadline is what one statement has to put back: chained calls share a gorm.Statement and its context.
type deadline struct {
	original context.Context
	cancel   context.CancelFunc
}

func begin(db *gorm.DB) {
	d := deadline{original: db.Statement.Context}
	db.Statement.Context, d.cancel = within(d.original)
	db.Statement.Settings.Store(undo, d)
}

func end(db *gorm.DB) {
	if cancel := restore(db); cancel != nil {
		cancel()
	}
}

// handOver leaves the rows, which are read after this, under their deadline. It classifies the error, for gorm translates
// those of all statements but this one's.
func handOver(db *gorm.DB) {
	db.Error = Classify(db.Error)
	limited := db.Statement.Context
	if cancel := restore(db); cancel != nil {
		context.AfterFunc(limited, cancel)
	}
}

func restore(db *gorm.DB) context.CancelFunc {
	d, ok := db.Statement.Settings.LoadAndDelete(undo)
	if !ok {
		return nil
	}
	db.Statement.Context = d.(deadline).original
	return d.(deadline).cancel
}
