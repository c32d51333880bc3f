package database

import (
	"context"
	"database/sql"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// connectTimeout bounds one dial: database/sql also dials without a caller's context, and a server that hangs must not
// occupy the pool for longer.
const connectTimeout = 3 * time.Second

// abandoned has the server end a transaction that nobody goes on with. A process that is cut off in the middle of one
// cannot end it, and TCP alone would let it hold its locks against all others for hours. It is set by a statement, for a
// connection pooler such as PgBouncer refuses unknown start parameters.
const abandoned = "SET idle_in_transaction_session_timeout = '10s'"

// openPostgres sets no timeout of statements: pgx cancels one on the server when its deadline passes here.
func openPostgres(config *pgx.ConnConfig) (*sql.DB, gorm.Dialector) {
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(ctx context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name:  "timestamptz",
			OID:   pgtype.TimestamptzOID,
			Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		ctx, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		_, err := conn.Exec(ctx, abandoned)
		return err
	}))
	return pool, &postgresDialector{postgres.New(postgres.Config{Conn: pool}).(*postgres.Dialector)}
}

type postgresDialector struct{ *postgres.Dialector }

func (d *postgresDialector) Translate(err error) error { return Classify(d.Dialector.Translate(err)) }
