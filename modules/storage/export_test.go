package storage

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx/fxtest"

	"portico.internal/platform/changes"
	"portico.internal/platform/config"
	"portico.internal/platform/secrets"
	"portico.internal/platform/testkit"
)

// SettleOnS3 makes a bucket the active backend of a gateway that is not running yet.
func SettleOnS3(t testing.TB, d testkit.Database, secretKey string, s testkit.S3) {
	t.Helper()
	keys, err := secrets.Parse(secretKey)
	require.NoError(t, err)
	log := slog.New(slog.DiscardHandler)
	db := d.Open(t)
	b := newBackends(fxtest.NewLifecycle(t), db, keys, changes.NewFeed(db, log), log, config.Base{DataDir: t.TempDir()}, nil)
	p, err := b.parse(kindS3, s3Config(s, "in/a/folder"))
	require.NoError(t, err)
	settle(t, b, p)
}

// PretendMigration stores a migration that runs and that somebody else works on.
func PretendMigration(t testing.TB, d testkit.Database) {
	t.Helper()
	db := d.Open(t)
	var state State
	require.NoError(t, db.Take(&state).Error)
	owner, until := "another process", db.NowFunc().Add(time.Hour)
	require.NoError(t, db.Create(&Job{
		ID: uuid.NewString(), SourceID: state.BackendID, TargetID: state.BackendID, State: stateCopying, Running: new(1),
		LeaseOwner: &owner, LeaseUntil: &until, StartedAt: db.NowFunc(), UpdatedAt: db.NowFunc(),
	}).Error)
}
