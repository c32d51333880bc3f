package database

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"gorm.io/gorm"
	gormlog "gorm.io/gorm/logger"
)

const slow = 500 * time.Millisecond

// logger lets gorm's own slog logger speak of failures and slow statements only. Rules that the data broke and callers
// that left are everyday events and answered elsewhere.
type logger struct{ gormlog.Interface }

func newLogger(l *slog.Logger) gormlog.Interface {
	return logger{gormlog.NewSlogLogger(l, gormlog.Config{
		SlowThreshold:        slow,
		LogLevel:             gormlog.Warn,
		ParameterizedQueries: true,
	})}
}

func (l logger) LogMode(level gormlog.LogLevel) gormlog.Interface {
	return logger{l.Interface.LogMode(level)}
}

func (l logger) Trace(ctx context.Context, begin time.Time, fc func() (string, int64), err error) {
	if everyday(err) || errors.Is(ctx.Err(), context.Canceled) { // a statement that is left may fail in ways of the driver's
		err = nil
	}
	if err != nil || time.Since(begin) > slow {
		l.Interface.Trace(ctx, begin, fc, err)
	}
}

// ParamsFilter keeps bind values out of the statement that is logged.
func (logger) ParamsFilter(_ context.Context, sql string, _ ...any) (string, []any) { return sql, nil }

func everyday(err error) bool {
	for _, rule := range []error{gorm.ErrRecordNotFound, gorm.ErrDuplicatedKey, gorm.ErrForeignKeyViolated, context.Canceled} {
		if errors.Is(err, rule) {
			return true
		}
	}
	return false
}
