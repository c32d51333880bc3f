package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"time"

	"gorm.io/gorm"

	"portico.internal/platform/database"
)

// manyPeople is how many accounts the lists are measured with.
const manyPeople = 100_000

var seed = []string{
	`INSERT INTO users (id, email, email_key, full_name, hashed_password, is_active, is_superuser, dashboard_app_ids, created_at, updated_at)
		SELECT gen_random_uuid(), 'person' || n || '@example.com', 'person' || n || '@example.com', 'Person ' || md5(n::text), '-', true, false, '[]', now(), now() FROM generate_series(1, ?) n`,
	`INSERT INTO groups (id, name, name_key, created_at, updated_at)
		SELECT gen_random_uuid(), 'Group ' || n, 'group ' || n, now(), now() FROM generate_series(1, ?) n`,
	`INSERT INTO group_memberships (group_id, user_id, joined_at, is_group_admin)
		SELECT g.id, u.id, now(), false FROM (SELECT id, row_number() OVER () n FROM groups) g
		JOIN (SELECT id, row_number() OVER () n FROM users) u ON u.n % ? = g.n - 1`,
	`VACUUM ANALYZE`, // as autovacuum leaves a database that has lived for a while
}

// people measures the lists of an administrator on PostgreSQL: the time a client waits for each, and the queries it costs.
func (b *bench) people(g *gateway, databaseURL string) error {
	if g == nil {
		return errors.New("the lists are measured on PostgreSQL, which is not here")
	}
	db, err := database.Open(b.ctx, database.Config{URL: databaseURL, MaxConnections: 2})
	if err != nil {
		return err
	}
	defer database.Close(db)
	const groups = 100
	slow := db.WithContext(database.Patience(b.ctx, time.Minute))
	for i, count := range []int{manyPeople, groups, groups, 0} {
		args := []any{count}
		if count == 0 {
			args = nil
		}
		if err := slow.Exec(seed[i], args...).Error; err != nil {
			return fmt.Errorf("making %d people: %w", manyPeople, err)
		}
	}
	var group string
	if err := db.Raw("SELECT min(id) FROM groups").Scan(&group).Error; err != nil {
		return err
	}
	admin, err := g.tokenOf("admin@example.com")
	if err != nil {
		return err
	}
	fmt.Printf("\n%d users in %d groups on PostgreSQL; medians of 51 requests, one at a time\n%-40s %8s %10s\n", manyPeople, groups, "", "ms", "queries")
	for _, list := range []struct{ name, path string }{
		{"users, first page of 50", "/api/admin/users?limit=50"},
		{"users, page at 50 000", "/api/admin/users?limit=50&offset=50000"},
		{"users, search by part of an e-mail", "/api/admin/users?limit=50&q=person9999"},
		{"users, search by part of a name", "/api/admin/users?limit=50&q=" + url.QueryEscape("Person AB12")},
		{"groups, all", "/api/admin/groups"},
		{"group, 1000 members", "/api/admin/groups/" + group},
	} {
		if err := b.list(db, g, admin, list.name, list.path); err != nil {
			return err
		}
	}
	before, _, err := g.resident()
	if err != nil {
		return err
	}
	start := time.Now()
	size, err := fetch(g.url+"/api/admin/users", admin)
	if err != nil {
		return err
	}
	_, peak, err := g.resident()
	fmt.Printf("all users at once: %d MB in %d ms, memory %d MiB before, at most %d MiB since the start\n", size/1e6, time.Since(start).Milliseconds(), before>>20, peak>>20)
	return err
}

func (b *bench) list(db *gorm.DB, g *gateway, token, name, path string) error {
	var took []float64
	for range 51 {
		start := time.Now()
		if _, err := fetch(g.url+path, token); err != nil {
			return err
		}
		took = append(took, float64(time.Since(start).Microseconds())/1000)
	}
	queries, err := b.queries(db, func() error { _, err := fetch(g.url+path, token); return err })
	fmt.Printf("%-40s %8.1f %10d\n", name, median(took), queries)
	return err
}

// queries is how many statements PostgreSQL runs while fn does, the least of a few times: beside what fn asks for, the
// gateway looks up its caller about once a second.
func (b *bench) queries(db *gorm.DB, fn func() error) (least int, err error) {
	logging := func(what string) error {
		return errors.Join(db.Exec("ALTER SYSTEM SET log_statement = '"+what+"'").Error, db.Exec("SELECT pg_reload_conf()").Error)
	}
	if err := logging("all"); err != nil {
		return 0, err
	}
	time.Sleep(200 * time.Millisecond) // the sessions hear of it in their own time
	least = math.MaxInt
	for range 5 {
		before, err := b.statements()
		if err != nil {
			return 0, err
		}
		if err := fn(); err != nil {
			return 0, err
		}
		after, err := b.statements()
		if err != nil {
			return 0, err
		}
		least = min(least, after-before)
	}
	return least, logging("none")
}

func (b *bench) statements() (int, error) {
	log, err := os.ReadFile(b.serverLog)
	return bytes.Count(log, []byte("LOG:  execute ")) + bytes.Count(log, []byte("LOG:  statement: ")), err
}

// fetch reads a whole reply and returns its length.
func fetch(address, token string) (int64, error) {
	req, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s", address, res.Status)
	}
	return n, err
}
