package testkit_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/testkit"
)

func TestEachDatabaseIsFreshAndPreparedOnce(t *testing.T) {
	var prepared atomic.Int32
	databases := testkit.Prepared(func(ctx context.Context, db *gorm.DB) error {
		prepared.Add(1)
		return db.WithContext(ctx).Exec("CREATE TABLE notes (text VARCHAR(20))").Error
	})
	kinds := 0
	for range 3 {
		databases.Each(t, func(t *testing.T, d testkit.Database) {
			db := d.Open(t)
			require.Equal(t, d.Name == "postgres", database.IsPostgres(db))
			require.NoError(t, database.CheckURL(d.URL))
			var notes int64
			require.NoError(t, db.Table("notes").Count(&notes).Error)
			require.Zero(t, notes, "nothing of the test before")
			require.NoError(t, db.Exec("INSERT INTO notes VALUES ('mine')").Error)
			require.NoError(t, d.Open(t).Table("notes").Count(&notes).Error)
			require.EqualValues(t, 1, notes, "another pool sees the same database")
			kinds++
		})
	}
	if os.Getenv("PORTICO_TEST_DATABASE_URL") == "" {
		require.EqualValues(t, kinds/3, prepared.Load())
	}
}

const helperVariable = "PORTICO_TESTKIT_HELPER"

// TestHelperHoldsACluster is the process whose death the next test watches.
func TestHelperHoldsACluster(t *testing.T) {
	if os.Getenv(helperVariable) == "" {
		t.Skip("it runs as a process of TestClusterEndsWithItsProcess")
	}
	_, _ = os.Stdout.WriteString("cluster " + testkit.Postgres(t) + "\n")
	select {}
}

func TestClusterEndsWithItsProcess(t *testing.T) {
	if os.Getenv("PORTICO_TEST_DATABASE_URL") != "" {
		t.Skip("the server is not of this process")
	}
	testkit.Postgres(t) // skips without PostgreSQL
	helper := exec.Command(os.Args[0], "-test.run=^TestHelperHoldsACluster$")
	helper.Env = append(os.Environ(), helperVariable+"=1")
	out, err := helper.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, helper.Start())
	buffer := make([]byte, 1024)
	n, err := out.Read(buffer)
	require.NoError(t, err)
	line, _, _ := strings.Cut(string(buffer[:n]), "\n")
	_, dir, found := strings.Cut(line, "host=")
	require.True(t, found, line)
	pid, err := os.ReadFile(dir + "/data/postmaster.pid")
	require.NoError(t, err)
	pid, _, _ = bytes.Cut(pid, []byte("\n"))

	require.NoError(t, helper.Process.Kill())
	_ = helper.Wait()
	gone := func(path string) func() bool {
		return func() bool { _, err := os.Stat(path); return os.IsNotExist(err) }
	}
	require.Eventually(t, gone(dir), 20*time.Second, 20*time.Millisecond, "its files")
	require.Eventually(t, gone("/proc/"+string(pid)), 20*time.Second, 20*time.Millisecond, "its server")
}
