package database

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/gorm"
)

// Listen calls on with the payload of every notification on the channel, in the order of the commits, until ctx ends or
// the connection breaks; it returns the error. ready is called when listening has begun: what was announced before may
// have been missed. Both are called one at a time, and what they wait for, the next notification waits for.
//
// It needs PostgreSQL, and holds one connection of a pool that must have two: it ends with ctx and not with [Close]. A
// connection that has been silent for 4 s (see [Patience]) must answer within 4 s more, else it counts as broken.
func Listen(ctx context.Context, db *gorm.DB, channel string, ready func(), on func(payload string)) error {
	if !IsPostgres(db) {
		return errors.New("only PostgreSQL has notifications")
	}
	pool, err := db.DB()
	if err != nil {
		return err
	}
	if pool.Stats().MaxOpenConnections == 1 {
		return errors.New("listening would take the only connection of the pool")
	}
	soon, cancel := within(ctx)
	conn, err := pool.Conn(soon)
	cancel()
	if err != nil {
		return Classify(err)
	}
	defer conn.Close()
	_ = conn.Raw(func(driverConn any) error {
		err = listen(ctx, driverConn.(*stdlib.Conn).Conn(), channel, ready, on)
		return driver.ErrBadConn // closes it: the next one to have it from the pool would be listening too
	})
	return Classify(err)
}

func listen(ctx context.Context, conn *pgx.Conn, channel string, ready func(), on func(payload string)) error {
	soon, cancel := within(ctx)
	_, err := conn.Exec(soon, "LISTEN "+pgx.Identifier{channel}.Sanitize())
	cancel()
	if err != nil {
		return err
	}
	ready()
	for ctx.Err() == nil {
		notification, err := next(ctx, conn)
		if err != nil {
			return err
		}
		if notification != nil {
			on(notification.Payload)
		}
	}
	return ctx.Err()
}

// next returns nothing where the connection is silent and alive.
func next(ctx context.Context, conn *pgx.Conn) (*pgconn.Notification, error) {
	wait, cancel := within(ctx)
	defer cancel()
	notification, err := conn.WaitForNotification(wait)
	if !pgconn.Timeout(err) {
		return notification, err
	}
	soon, cancel := within(ctx)
	defer cancel()
	return nil, conn.Ping(soon)
}
