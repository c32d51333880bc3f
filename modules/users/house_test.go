package users

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
	"gorm.io/gorm"

	order "portico.internal/migrations"
	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/migrate"
	"portico.internal/platform/module"
	"portico.internal/platform/testkit"
	"portico.internal/platform/web"
)

const goodPassword = "Corr3ct-Horse"

// house is the module at work.
type house struct {
	*service
	t   *testing.T
	db  *gorm.DB
	url string // of the database
	web *httptest.Server
}

// testPlan is the module's part of the chain.
func testPlan(t testing.TB) *migrate.Plan {
	chain, err := migrate.ParseChain(order.Chain)
	require.NoError(t, err)
	plan, err := migrate.New(chain, module.Steps([]module.Module{Module}))
	require.NoError(t, err)
	return plan
}

// newSite puts a guard before the service that takes the user's id for a token.
func newSite(t testing.TB, s *service) http.Handler {
	site, err := web.New(web.Options{
		Routes:        []web.RouteSet{{Module: "users", Routes: newHandler(s).routes()}},
		Authenticator: idAuthenticator{s}, Explain: database.Classify, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	return site
}

type idAuthenticator struct{ Accounts }

func (a idAuthenticator) Authenticate(r *http.Request) (*identity.Caller, error) {
	caller, err := a.Identity(r.Context(), r.Header.Get("Authorization"), time.Now())
	if errs.KindOf(err) == errs.NotFound {
		return nil, errs.New(errs.Unauthenticated, "")
	}
	return caller, err
}

// eachHouse runs the test on a migrated database of each kind.
func eachHouse(t *testing.T, test func(h *house)) {
	testkit.Migrated(testPlan(t)).Each(t, func(t *testing.T, d testkit.Database) { test(newHouse(t, d)) })
}

func newHouse(t *testing.T, d testkit.Database) *house {
	h := &house{t: t, db: d.Open(t), url: d.URL}
	h.service = h.replica()
	h.web = httptest.NewServer(newSite(t, h.service))
	t.Cleanup(h.web.Close)
	return h
}

// replica is the service of another process on the same database.
func (h *house) replica() *service {
	hasher := NewHasher(bcrypt.MinCost)
	h.t.Cleanup(hasher.Close)
	return newService(h.db, hasher, module.Optional[GroupCount]{}, nil, slog.New(slog.DiscardHandler))
}

// nothing is what is done beside beginning a session.
func nothing(*gorm.DB, Session) error { return nil }

func (h *house) register(email string) UserOut {
	h.t.Helper()
	out, err := h.Register(h.t.Context(), email, goodPassword, nil)
	require.NoError(h.t, err)
	return out
}

// stored reads a row past all caches.
func (h *house) stored(id string) User {
	h.t.Helper()
	var u User
	require.NoError(h.t, h.db.Where("id = ?", id).Take(&u).Error)
	return u
}

// change writes a column past the service, as another process would.
func (h *house) change(id, column string, value any) {
	h.t.Helper()
	require.NoError(h.t, database.Write(context.Background(), h.db, func(tx *gorm.DB) error {
		return tx.Model(&User{}).Where("id = ?", id).Update(column, value).Error
	}))
}

type call struct {
	name, as, method, path, body string
	status                       int
	want                         string // the whole body
}

func (h *house) do(t *testing.T, c call) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), c.method, h.web.URL+c.path, strings.NewReader(c.body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	if c.as != "" {
		req.Header.Set("Authorization", c.as)
	}
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, c.status, resp.StatusCode, "%s", body)
	require.Equal(t, c.want, string(body))
	require.NotContains(t, string(body), "$2", "a hash")
	require.NotContains(t, string(body), "superuser")
}
