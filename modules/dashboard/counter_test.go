package dashboard_test

import (
	"context"
	"errors"
	"sync/atomic"

	"gorm.io/gorm"

	"portico.internal/platform/identity"
	"portico.internal/platform/module"
)

// statements is how many have been run for somebody who called; what the gateway does by itself is not counted.
var statements atomic.Int64

// counter is a module that counts them. It begins before anything is at work.
var counter = module.New("counter",
	module.Provide(newCounting),
	module.OnStart(func(counting, context.Context) error { return nil }),
)

type counting struct{}

func newCounting(db *gorm.DB) (counting, error) {
	count := func(tx *gorm.DB) {
		if identity.From(tx.Statement.Context) != nil {
			statements.Add(1)
		}
	}
	return counting{}, errors.Join(
		db.Callback().Query().Before("gorm:query").Register("counter", count),
		db.Callback().Row().Before("gorm:row").Register("counter", count),
		db.Callback().Raw().Before("gorm:raw").Register("counter", count),
	)
}
