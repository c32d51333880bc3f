package dashboard_test

import (
	"context"
	"errors"
	"sync/atomic"

	"gorm.io/gorm"

	"portico.internal/platform/module"
)

// statements is how many have read from the database of the gateway that runs.
var statements atomic.Int64

// counter is a module that counts them.
var counter = module.New("counter",
	module.Provide(func(db *gorm.DB) *counting { return &counting{db} }),
	module.OnStart((*counting).start),
)

type counting struct{ db *gorm.DB }

func (c *counting) start(context.Context) error {
	count := func(*gorm.DB) { statements.Add(1) }
	return errors.Join(
		c.db.Callback().Query().Before("gorm:query").Register("counter", count),
		c.db.Callback().Row().Before("gorm:row").Register("counter", count),
		c.db.Callback().Raw().Before("gorm:raw").Register("counter", count),
	)
}
