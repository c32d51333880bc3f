package listing_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/listing"
	"portico.internal/platform/testkit"
)

type person struct {
	ID       string
	Email    string
	FullName *string
	BornAt   time.Time
	Active   bool
	Children int
}

func (p *person) name() string {
	if p.FullName == nil {
		return ""
	}
	return *p.FullName
}

var people = listing.List[person]{
	Search: []string{"email", "full_name"},
	Sorts: map[string]listing.Key[person]{
		"email":     {Expr: "email", Of: func(p *person) any { return p.Email }},
		"full_name": {Expr: "COALESCE(full_name, '')", Of: func(p *person) any { return p.name() }},
		"born_at":   {Expr: "born_at", Of: func(p *person) any { return p.BornAt }},
		"active":    {Expr: "active", Of: func(p *person) any { return p.Active }},
		"children":  {Expr: "children", Of: func(p *person) any { return p.Children }},
	},
	Default: "email",
	ID:      listing.Key[person]{Expr: "id", Of: func(p *person) any { return p.ID }},
}

// ascending are the same orders in Go.
var ascending = map[string]func(a, b *person) int{
	"email":     func(a, b *person) int { return strings.Compare(a.Email, b.Email) },
	"full_name": func(a, b *person) int { return strings.Compare(a.name(), b.name()) },
	"born_at":   func(a, b *person) int { return a.BornAt.Compare(b.BornAt) },
	"active":    func(a, b *person) int { return strings.Compare(fmt.Sprint(a.Active), fmt.Sprint(b.Active)) },
	"children":  func(a, b *person) int { return cmp.Compare(a.Children, b.Children) },
}

// everybody are more than one piece of a stream, with many equal keys.
func everybody() []person {
	var all []person
	for i := range 1234 {
		p := person{
			ID: fmt.Sprintf("id%05d", i*7919%10007), Email: fmt.Sprintf("mail%05d@example.com", i*31%1234),
			BornAt: time.Date(2000, 1, 1+i%5, 0, 0, 0, 1000*(i%3), time.UTC), Active: i%2 == 0, Children: i % 4,
		}
		if i%3 > 0 {
			name := fmt.Sprintf("Name %d", i%11)
			p.FullName = &name
		}
		all = append(all, p)
	}
	return all
}

var filled = testkit.Prepared(func(_ context.Context, db *gorm.DB) error {
	columns := "id VARCHAR(36) PRIMARY KEY, email VARCHAR(320), full_name VARCHAR(255), born_at TIMESTAMPTZ, active BOOLEAN, hidden BOOLEAN"
	if !database.IsPostgres(db) {
		columns = strings.Replace(columns, "TIMESTAMPTZ", "DATETIME", 1)
	}
	for _, statement := range []string{"CREATE TABLE people (" + columns + ")", "CREATE TABLE births (parent VARCHAR(36))", "CREATE INDEX ix_births ON births (parent)"} {
		if err := db.Exec(statement).Error; err != nil {
			return err
		}
	}
	all := everybody()
	var births []map[string]any
	for _, p := range all {
		for range p.Children {
			births = append(births, map[string]any{"parent": p.ID})
		}
	}
	hidden := map[string]any{"id": "x", "email": "hidden@example.com", "born_at": all[0].BornAt, "hidden": true}
	if err := db.Table("people").Omit("children").CreateInBatches(&all, 500).Error; err != nil {
		return err
	}
	if err := db.Table("people").Create(hidden).Error; err != nil {
		return err
	}
	return db.Table("births").CreateInBatches(births, 500).Error
})

func base(db *gorm.DB) *gorm.DB {
	return db.Table("people AS p").
		Select("p.id, p.email, p.full_name, p.born_at, p.active, (SELECT COUNT(*) FROM births b WHERE b.parent = p.id) AS children").
		Where("p.hidden IS NULL OR p.hidden = ?", false)
}

func read(t *testing.T, db *gorm.DB, q listing.Query) (rows []person, total int64) {
	t.Helper()
	out, err := people.Run(t.Context(), base(db), q)
	require.NoError(t, err)
	rows = []person{}
	for p, err := range out.Body {
		require.NoError(t, err)
		rows = append(rows, p)
	}
	return rows, out.Total
}

func TestEveryOrderAndEveryPage(t *testing.T) {
	filled.Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		for name, compare := range ascending {
			for _, sign := range []int{1, -1} {
				sort := map[int]string{1: "", -1: "-"}[sign] + name
				want := everybody()
				slices.SortFunc(want, func(a, b person) int {
					return cmp.Or(sign*compare(&a, &b), strings.Compare(a.ID, b.ID))
				})
				all, total := read(t, db, listing.Query{Sort: sort})
				require.EqualValues(t, len(want), total, sort)
				require.Equal(t, want, all, sort)

				var pages []person
				for len(pages) < len(want) {
					page, total := read(t, db, listing.Query{Sort: sort, Limit: 1000, Offset: len(pages)})
					require.EqualValues(t, len(want), total)
					require.NotEmpty(t, page)
					pages = append(pages, page...)
				}
				require.Equal(t, want, pages, sort)

				rest, total := read(t, db, listing.Query{Sort: sort, Offset: 1200})
				require.EqualValues(t, len(want), total)
				require.Equal(t, want[1200:], rest, sort)
			}
		}
	})
}

func TestPagesAtTheEdges(t *testing.T) {
	filled.Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		for _, c := range []struct {
			listing.Query
			rows  int
			total int64
		}{
			{listing.Query{Limit: 1}, 1, 1234},
			{listing.Query{Limit: 10, Offset: 1229}, 5, 1234},
			{listing.Query{Limit: 10, Offset: 1234}, 0, 1234},
			{listing.Query{Offset: 1 << 40}, 0, 1234},
			{listing.Query{Q: "name 7"}, 75, 75},
			{listing.Query{Q: "NAME 7", Limit: 10}, 10, 75},
			{listing.Query{Q: "name 7", Limit: 10, Offset: 73}, 2, 75},
			{listing.Query{Q: "name 7", Limit: 10, Offset: 75}, 0, 75},
			{listing.Query{Q: "mail0004", Sort: "-full_name"}, 10, 10},
			{listing.Query{Q: "mail"}, 1234, 1234},
			{listing.Query{Q: "hidden"}, 0, 0},
			{listing.Query{Q: "hidden", Offset: 5}, 0, 0},
			{listing.Query{Q: "%"}, 0, 0},
			{listing.Query{Q: "mail_0001"}, 0, 0},
			{listing.Query{Q: "' OR 1=1 --"}, 0, 0},
		} {
			rows, total := read(t, db, c.Query)
			require.Len(t, rows, c.rows, "%+v", c.Query)
			require.Equal(t, c.total, total, "%+v", c.Query)
		}
	})
}

func TestUnknownOrder(t *testing.T) {
	filled.Each(t, func(t *testing.T, d testkit.Database) {
		for _, sort := range []string{"hashed_password", "Email", "email desc", "--email", "-", "email,id", "id"} {
			_, err := people.Run(t.Context(), base(d.Open(t)), listing.Query{Sort: sort})
			require.Equal(t, errs.Invalid, errs.KindOf(err), sort)
			var e *errs.Error
			require.ErrorAs(t, err, &e)
			expected := "'active', '-active', 'born_at', '-born_at', 'children', '-children', 'email', '-email', 'full_name' or '-full_name'"
			require.Equal(t, []errs.Issue{{Type: "literal_error", Loc: []any{"query", "sort"}, Msg: "Input should be " + expected,
				Input: sort, Ctx: map[string]any{"expected": expected}}}, e.Issues)
		}
	})
}

func TestAPageIsOneStatement(t *testing.T) {
	filled.Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		statements := 0
		require.NoError(t, db.Callback().Query().After("gorm:query").Register("count", func(tx *gorm.DB) {
			if !tx.DryRun {
				statements++
			}
		}))
		for _, q := range []listing.Query{{Limit: 50}, {Limit: 50, Offset: 100, Q: "name", Sort: "-full_name"}, {Limit: 50, Q: "nobody"}} {
			statements = 0
			read(t, db, q)
			require.Equal(t, 1, statements, "%+v", q)
		}
		statements = 0
		read(t, db, listing.Query{})
		require.Equal(t, 2, statements, "a thousand rows, and what is left of two thousand")
	})
}

// A reader that stops to think holds no connection, gets no row twice, and misses none that stays.
func TestStreamWhileTheListChanges(t *testing.T) {
	filled.Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		pool, err := db.DB()
		require.NoError(t, err)
		out, err := people.Run(t.Context(), base(db), listing.Query{})
		require.NoError(t, err)
		var emails []string
		for p, err := range out.Body {
			require.NoError(t, err)
			require.Zero(t, pool.Stats().InUse)
			if len(emails) == 10 { // an offset would now skip ten rows, and repeat five
				require.NoError(t, db.Exec("DELETE FROM people WHERE email < 'mail00010'").Error)
			}
			if len(emails) == 1100 {
				require.NoError(t, db.Exec("INSERT INTO people (id, email, born_at, active) SELECT 'new' || id, 'a' || email, born_at, active FROM people WHERE email < 'mail00015'").Error)
			}
			emails = append(emails, p.Email)
		}
		require.Len(t, emails, 1234)
		require.True(t, slices.IsSorted(emails))
	})
}

func TestStreamThatBreaksSaysSo(t *testing.T) {
	filled.Each(t, func(t *testing.T, d testkit.Database) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		out, err := people.Run(ctx, base(d.Open(t)), listing.Query{})
		require.NoError(t, err)
		rows := 0
		var broken error
		for _, err := range out.Body {
			cancel()
			if broken = err; err == nil {
				rows++
			}
		}
		require.ErrorIs(t, broken, context.Canceled)
		require.Equal(t, 1000, rows)

		for range out.Body { // leaving early ends it
			break
		}
		_, err = people.Run(ctx, base(d.Open(t)), listing.Query{})
		require.ErrorIs(t, err, context.Canceled)
	})
}
