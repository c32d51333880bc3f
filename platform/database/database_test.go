package database_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/migrate"
	"portico.internal/platform/testkit"
)

// thing and part have what modules' tables have: a unique name, a time, JSON, a day, and a row that goes with another.
type thing struct {
	ID        string `gorm:"primaryKey"`
	Name      string
	Tags      database.Strings
	Day       *database.Date
	Active    bool
	Count     int
	CreatedAt time.Time
}

type part struct {
	ID      string `gorm:"primaryKey"`
	ThingID string
}

var tables = testkit.Prepared(func(ctx context.Context, db *gorm.DB) error {
	return migrate.SQL(
		`CREATE TABLE things (id VARCHAR(36) PRIMARY KEY, name VARCHAR(20) NOT NULL UNIQUE, tags JSON NOT NULL DEFAULT '[]', day DATE,
			active BOOLEAN NOT NULL DEFAULT true, count INTEGER NOT NULL DEFAULT 0 CHECK (count >= 0), created_at TIMESTAMPTZ NOT NULL DEFAULT now())`,
		`CREATE TABLE parts (id VARCHAR(36) PRIMARY KEY, thing_id VARCHAR(36) NOT NULL REFERENCES things (id) ON DELETE CASCADE)`,
	)(db.WithContext(ctx))
})

func TestBrokenRulesAreTranslated(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		require.NoError(t, db.Create(&thing{ID: "1", Name: "one"}).Error)

		var missing thing
		require.ErrorIs(t, db.First(&missing, "id = ?", "none").Error, gorm.ErrRecordNotFound)
		twice := db.Create(&thing{ID: "2", Name: "one"}).Error
		require.ErrorIs(t, twice, gorm.ErrDuplicatedKey)
		require.ErrorContains(t, twice, "name", "the error tells which rule")
		require.ErrorIs(t, db.Create(&thing{ID: "1", Name: "other"}).Error, gorm.ErrDuplicatedKey)
		require.ErrorIs(t, db.Exec("INSERT INTO things (id, name) VALUES (?, ?)", "3", "one").Error, gorm.ErrDuplicatedKey)
		require.ErrorIs(t, db.Create(&part{ID: "1", ThingID: "none"}).Error, gorm.ErrForeignKeyViolated)
		require.ErrorIs(t, db.Model(&thing{}).Where("id = ?", "1").Update("count", -1).Error, gorm.ErrCheckConstraintViolated)

		for _, err := range []error{twice, db.First(&missing, "id = ?", "none").Error} {
			require.Equal(t, errs.Internal, errs.KindOf(err), "a broken rule is not an unavailable database")
		}
	})
}

func TestTimesComeBackInUTC(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		there := time.FixedZone("there", -3*3600-1800)
		when := time.Date(2024, 2, 29, 23, 59, 59, 123456789, there)
		require.NoError(t, db.Create(&thing{ID: "1", Name: "one", CreatedAt: when}).Error)
		require.NoError(t, db.Exec("INSERT INTO things (id, name) VALUES ('2', 'two')").Error) // the database's own clock

		var read []thing
		require.NoError(t, db.Order("id").Find(&read).Error)
		require.Equal(t, when.UTC().Truncate(time.Microsecond), read[0].CreatedAt)
		require.Equal(t, time.UTC, read[1].CreatedAt.Location())
		require.WithinDuration(t, time.Now(), read[1].CreatedAt, time.Minute)

		var same int64
		require.NoError(t, db.Model(&thing{}).Where("created_at = ?", when.In(time.FixedZone("elsewhere", 7200))).Count(&same).Error)
		require.EqualValues(t, 1, same, "the same moment in another zone")
	})
}

func TestTimesSortAsMoments(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		base := time.Date(2024, 1, 1, 12, 0, 0, 0, time.FixedZone("east", 5*3600))
		for i, later := range []time.Duration{0, time.Microsecond, 100 * time.Microsecond, 99 * time.Millisecond, time.Second, time.Minute} {
			zone := time.FixedZone("", i*3600) // text with its zone would sort by the zone
			id := fmt.Sprint(i)
			require.NoError(t, db.Create(&thing{ID: id, Name: id, CreatedAt: base.Add(later).In(zone)}).Error)
		}
		var ids []string
		require.NoError(t, db.Model(&thing{}).Order("created_at").Pluck("id", &ids).Error)
		require.Equal(t, []string{"0", "1", "2", "3", "4", "5"}, ids)
	})
}

func TestValuesRoundTrip(t *testing.T) {
	tables.Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		day := database.Date("1999-12-31")
		require.NoError(t, db.Create(&thing{ID: "1", Name: "one", Tags: []string{"b", "a", "ü\"'"}, Day: &day, Active: false}).Error)
		require.NoError(t, db.Create(&thing{ID: "2", Name: "two", Active: true}).Error)

		var read []thing
		require.NoError(t, db.Order("id").Find(&read).Error)
		require.Equal(t, database.Strings{"b", "a", "ü\"'"}, read[0].Tags)
		require.Equal(t, &day, read[0].Day)
		require.False(t, read[0].Active, "a false stays false")
		require.True(t, read[1].Active)
		require.Equal(t, database.Strings{}, read[1].Tags, "nil is the empty array")
		require.NotNil(t, read[1].Tags)
		require.Nil(t, read[1].Day)

		require.NoError(t, db.Model(&thing{ID: "2"}).Updates(map[string]any{"tags": database.Strings(nil), "day": day}).Error)
		var second thing
		require.NoError(t, db.First(&second, "id = ?", "2").Error)
		require.Equal(t, &day, second.Day)

		require.Error(t, db.Model(&thing{ID: "2"}).Update("day", database.Date("2023-02-29")).Error, "no such day")
	})
}

func TestEachConnectionOfSQLiteHasItsPragmas(t *testing.T) {
	pool, err := tables.SQLite(t).Open(t).DB()
	require.NoError(t, err)
	for range 8 {
		conn, err := pool.Conn(t.Context()) // held, so that the next one is new
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		for pragma, want := range map[string]string{"foreign_keys": "1", "busy_timeout": "4000", "journal_mode": "wal", "synchronous": "2"} {
			var got string
			require.NoError(t, conn.QueryRowContext(t.Context(), "PRAGMA "+pragma).Scan(&got))
			require.Equal(t, want, got, pragma)
		}
	}
	require.Equal(t, 8, pool.Stats().OpenConnections)
}

func TestSQLiteFileIsPrivateAndMayHaveAnyName(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a b?c#d%20&é")
	require.NoError(t, os.Mkdir(dir, 0o700))
	db, err := database.Open(t.Context(), database.Config{DataDir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, database.Close(db)) })
	require.NoError(t, db.Exec("CREATE TABLE things (id TEXT)").Error)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 3, "the database, its log and its index")
	for _, file := range files {
		require.True(t, strings.HasPrefix(file.Name(), "portico.db"), file.Name())
		info, err := file.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode(), file.Name())
	}
}

func TestOpenSaysInOneLineWhatIsWrong(t *testing.T) {
	refused := "127.0.0.1:1"
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and never answers
	require.NoError(t, err)
	defer silent.Close()
	notADatabase := filepath.Join(t.TempDir(), "text")
	require.NoError(t, os.WriteFile(notADatabase, []byte(strings.Repeat("no database ", 100)), 0o600))

	for name, url := range map[string]string{
		"refused":        "postgres://portico:hunter2@" + refused + "/portico",
		"silent":         "postgresql+asyncpg://portico:hunter2@" + silent.Addr().String() + "/portico",
		"unknown host":   "postgresql://portico:hunter2@no-such-host.invalid/portico",
		"bad escape":     "postgres://portico:hunter2%zz@localhost/portico",
		"bad port":       "postgres://portico:hunter2@localhost:http/portico",
		"other scheme":   "mysql://portico:hunter2@localhost/portico",
		"no directory":   "sqlite:/no/such/hunter/portico.db",
		"not a database": "sqlite:" + notADatabase,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := database.Open(t.Context(), database.Config{URL: url, ConnectTimeout: 300 * time.Millisecond})
			require.ErrorContains(t, err, "database.url (DATABASE_URL): ")
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestOpenTriesUntilTheServerIsThere(t *testing.T) {
	server := tables.Postgres(t)
	relay := testkit.NewRelay(t, server.URL)
	relay.Refuse(2)
	db, err := database.Open(t.Context(), database.Config{URL: relay.URL, ConnectTimeout: 30 * time.Second})
	require.NoError(t, err)
	require.NoError(t, database.Close(db))
}

func TestCheckURL(t *testing.T) {
	for _, url := range []string{
		"", "sqlite:data/portico.db", "sqlite:/var/lib/portico.db", "postgres://u:p@host/name", "postgresql://u@host:5433/name?sslmode=require",
		"postgresql+asyncpg://u:p%40ss@host/name?ssl=require&prepared_statement_cache_size=0", "postgres://u:p@one,two/name",
	} {
		require.NoError(t, database.CheckURL(url), url)
	}
	for _, url := range []string{
		"portico.db", "sqlite:", "sqlite::memory:", "sqlite:///portico.db", "mysql://u:hunter2@h/n", "postgres:u:hunter2@h",
		"postgres://u:hunter2 %@h/n", "postgres://u:hunter2@h/n?sslmode=perhaps", "sqlite:a\nb", "postgresql+psycopg://u:hunter2@h/n",
	} {
		err := database.CheckURL(url)
		require.Error(t, err, url)
		require.NotContains(t, err.Error(), "hunter2")
	}
}
