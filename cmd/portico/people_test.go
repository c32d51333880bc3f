package main_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// somebody has an ordinary account in a peopled database.
const somebody = "ann@example.com"

// cheapHash is that of [testkit.Password] with bcrypt's least cost. Hashes of the real cost give way to everything else,
// and so take long on a busy machine.
const cheapHash = "$2a$04$53HxznFcmBcxWscm6oPCQuc1h0NtXILMb0pqo2lKaKH6xX8/gGuqm"

// peopled adds the accounts of somebody and of the administrator, with cheap passwords, to a database that has its
// schema, and returns it.
func peopled(t testing.TB, d testkit.Database) testkit.Database {
	t.Helper()
	db := d.Open(t)
	enrol(t, db, somebody, false)
	enrol(t, db, gatewaytest.Admin, true)
	return d
}

// enrol adds an account with a cheap password and returns its id.
func enrol(t testing.TB, db *gorm.DB, email string, superuser bool) (id string) {
	t.Helper()
	id = uuid.NewString()
	require.NoError(t, db.Exec("INSERT INTO users (id, email, hashed_password, is_superuser) VALUES (?, ?, ?, ?)", id, email, cheapHash, superuser).Error)
	return id
}

// eachPeopled runs the test on a peopled database of each kind.
func eachPeopled(t *testing.T, test func(t *testing.T, d testkit.Database)) {
	t.Helper()
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) { test(t, peopled(t, d)) })
}

// peopledSQLite is a peopled database for what does not depend on the kind.
func peopledSQLite(t testing.TB) testkit.Database {
	t.Helper()
	return peopled(t, testkit.Migrated(gatewaytest.Plan(t)).SQLite(t))
}
