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

// openPostgres sets no server-side timeouts: a connection pooler such as PgBouncer refuses unknown start parameters,
// and pgx cancels the statement on the server when its deadline passes here.
func openPostgres(config *pgx.ConnConfig) (*sql.DB, gorm.Dialector) {
	pool := stdlib.OpenDB(*config, stdlib.OptionAfterConnect(func(_ context.Context, conn *pgx.Conn) error {
		conn.TypeMap().RegisterType(&pgtype.Type{
			Name:  "timestamptz",
			OID:   pgtype.TimestamptzOID,
			Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
		})
		return nil
	}))
	return pool, &postgresDialector{postgres.New(postgres.Config{Conn: pool}).(*postgres.Dialector)}
}

type postgresDialector struct{ *postgres.Dialector }

func (d *postgresDialector) Translate(err error) error { return Classify(d.Dialector.Translate(err)) }
