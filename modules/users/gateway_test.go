package users_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
	"gorm.io/gorm"

	"portico.internal/modules/gatewaytest"
	"portico.internal/modules/users"
	"portico.internal/platform/testkit"
)

const (
	root        = gatewaytest.Admin
	ann         = "ann@example.com"
	adminUsers  = "/api/admin/users"
	newPassword = "N3w&Sturdy!bridge"
)

// town is a whole gateway with its database.
type town struct {
	*testkit.Gateway
	db *gorm.DB
}

// eachTown runs the test on a database of each kind.
func eachTown(t *testing.T, test func(t *testing.T, g town)) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) { test(t, newTown(t, d)) })
}

func newTown(t *testing.T, d testkit.Database) town {
	environ := map[string]string{"PORTICO_LOGIN_FAILURES_PER_MINUTE": "0"}
	return town{gatewaytest.Start(t, gatewaytest.Spec(), d, environ), d.Open(t)}
}

func request(method, path, as string, body ...string) testkit.Request {
	r := testkit.Request{Method: method, Path: path, As: as}
	if len(body) > 0 {
		r.Body = body[0]
	}
	return r
}

// token is a request with a token in place of a name.
func withToken(token, method, path string, body ...string) testkit.Request {
	r := request(method, path, "", body...)
	r.Token = token
	return r
}

var cheapHash = func() string {
	hash, err := bcrypt.GenerateFromPassword([]byte(testkit.Password), bcrypt.MinCost)
	if err != nil {
		panic(err)
	}
	return string(hash)
}()

// settle makes an account past the API and returns its id.
func (g town) settle(t *testing.T, email string, change ...func(*users.User)) string {
	t.Helper()
	u := users.User{ID: uuid.NewString(), Email: email, EmailKey: &email, HashedPassword: cheapHash, IsActive: true}
	for _, c := range change {
		c(&u)
	}
	require.NoError(t, g.db.Create(&u).Error)
	return u.ID
}

func asAdmin(u *users.User) { u.IsSuperuser = true }

func named(name string) func(*users.User) {
	return func(u *users.User) { u.FullName = &name }
}

func (g town) id(t *testing.T, email string) string {
	t.Helper()
	g.Token(t, email)
	var id string
	require.NoError(t, g.db.Raw("SELECT id FROM users WHERE email = ?", email).Scan(&id).Error)
	require.NotEmpty(t, id)
	return id
}

// row is an account as the database has it, by column.
func (g town) row(t *testing.T, id string) map[string]any {
	t.Helper()
	row := map[string]any{}
	require.NoError(t, g.db.Table("users").Where("id = ?", id).Take(&row).Error)
	return row
}

func (g town) count(t *testing.T, sql string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, g.db.Raw("SELECT COUNT(*) FROM "+sql, args...).Scan(&n).Error)
	return n
}

func without(row map[string]any, columns ...string) map[string]any {
	rest := maps.Clone(row)
	for _, c := range columns {
		delete(rest, c)
	}
	return rest
}

func object(t *testing.T, body string) map[string]any {
	t.Helper()
	var o map[string]any
	require.NoError(t, json.Unmarshal([]byte(body), &o), body)
	return o
}

func detail(text string) []string { return []string{fmt.Sprintf(`{"detail":%q}`, text)} }
