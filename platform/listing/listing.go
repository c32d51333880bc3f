// Package listing is how every list of the API that can grow is read: a part of a name to look for, an order, a page,
// and the total in X-Total-Count. A list without a limit is streamed, whatever its length, in bounded memory.
package listing

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/web"
)

// Query is what every list takes. Embed it in the In of a list route.
type Query struct {
	Q      string `query:"q" maxLength:"200" doc:"Part of a name or an e-mail address; case is ignored"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"All when absent"`
	Offset int    `query:"offset" minimum:"0"`
	Sort   string `query:"sort" doc:"A field; -field for descending"`
}

// Out is the Out of a list route.
type Out[Row any] struct {
	Total int64 `header:"X-Total-Count"` // of the rows that match, on all pages
	Body  web.Stream[Row]
}

// List says in which ways a list can be read. Its SQL expressions are over the columns that the base query selects,
// by the names these have there.
type List[Row any] struct {
	Search  []string            // the texts in which Query.Q is looked for
	Sorts   map[string]Key[Row] // by the name that Query.Sort has for it
	Default string              // the name of the order without Query.Sort
	ID      Key[Row]            // a column, unique; breaks ties, ascending
}

// Key is a value by which rows are ordered.
type Key[Row any] struct {
	Expr string         // never NULL
	Of   func(*Row) any // the same value, read from the row
}

// A list without a limit is read in pieces that grow from one size to the other: where no index has its order, every
// piece costs as much as the whole.
const (
	firstPiece = 1000
	lastPiece  = 8 * firstPiece
)

type counted[Row any] struct {
	Row   Row   `gorm:"embedded"`
	Total int64 `gorm:"column:listing_total"`
}

// Run reads the list. Base selects every column of Row, and is not run itself; what it computes for a row, such as a
// count in a subquery, is computed for the rows of the page. A page takes one statement, and a second one only when it
// lies past the end.
//
// Without a limit the rows are read as they are written, in pieces that follow each other by their keys: no connection
// waits for a slow reader, and a row that is there all the time comes exactly once.
//
// It fails with errs.Invalid when the order is unknown.
func (l List[Row]) Run(ctx context.Context, base *gorm.DB, q Query) (*Out[Row], error) {
	all := clause.Expr{SQL: "(SELECT COUNT(*) FROM (?) AS everything)", Vars: []any{base}}
	return l.run(ctx, base, q, all)
}

// RunKnown is [List.Run] for when it is known already how many rows base selects.
func (l List[Row]) RunKnown(ctx context.Context, base *gorm.DB, q Query, all int) (*Out[Row], error) {
	return l.run(ctx, base, q, clause.Expr{SQL: strconv.Itoa(all)})
}

func (l List[Row]) run(ctx context.Context, base *gorm.DB, q Query, all clause.Expr) (*Out[Row], error) {
	r := reading[Row]{List: l, base: base.WithContext(ctx), all: all, part: norm.NFC.String(q.Q)}
	var err error
	if r.key, r.descending, err = l.order(q.Sort); err != nil {
		return nil, err
	}
	size := q.Limit
	if size == 0 {
		size = firstPiece
	}
	first, count, err := r.page(size, q.Offset)
	if err != nil {
		return nil, err
	}
	return &Out[Row]{count, func(yield func(Row, error) bool) {
		for rows, size := first, size; ; {
			for i := range rows {
				if !yield(rows[i], nil) {
					return
				}
			}
			if q.Limit > 0 || len(rows) < size {
				return
			}
			size = min(2*size, lastPiece)
			next, err := r.after(&rows[len(rows)-1], size)
			if err != nil {
				var none Row
				yield(none, err)
				return
			}
			rows = next
		}
	}}, nil
}

// order finds the key of a sort parameter.
func (l List[Row]) order(sort string) (key Key[Row], descending bool, err error) {
	if sort == "" {
		return l.Sorts[l.Default], false, nil
	}
	name, descending := strings.CutPrefix(sort, "-")
	if key, known := l.Sorts[name]; known {
		return key, descending, nil
	}
	var known []string
	for _, name := range slices.Sorted(maps.Keys(l.Sorts)) {
		known = append(known, "'"+name+"'", "'-"+name+"'")
	}
	last := len(known) - 1
	expected := strings.Join(known[:last], ", ") + " or " + known[last]
	return key, false, errs.InvalidInput(errs.Issue{Type: "literal_error", Loc: []any{"query", "sort"},
		Msg: "Input should be " + expected, Input: sort, Ctx: map[string]any{"expected": expected}})
}

// reading is one list being read.
type reading[Row any] struct {
	List[Row]
	base       *gorm.DB
	all        clause.Expr // how many rows base selects
	part       string
	key        Key[Row]
	descending bool
}

func (r *reading[Row]) fresh() *gorm.DB { return r.base.Session(&gorm.Session{NewDB: true}) }

// matching are the rows that match, in no order yet.
func (r *reading[Row]) matching() *gorm.DB {
	rows := r.fresh().Table("(?) AS listed", r.base)
	if r.part != "" {
		rows = rows.Where(database.Contains(r.base, r.part, r.Search...))
	}
	return rows
}

func (r *reading[Row]) ordered(rows *gorm.DB) *gorm.DB {
	direction := ""
	if r.descending {
		direction = " DESC"
	}
	return rows.Order(clause.OrderBy{Expression: clause.Expr{SQL: r.key.Expr + direction + ", " + r.ID.Expr}})
}

// page reads a page and how many rows there are. The ids of the page are found first, so that nothing is computed for
// the rows before it. Rows that match are counted on the way: to look for them once more would cost as much again. All
// rows are counted apart, as the page comes from an index and never looks at the rest.
func (r *reading[Row]) page(size, offset int) ([]Row, int64, error) {
	count := clause.Expr{SQL: "COUNT(*) OVER ()"}
	if r.part == "" {
		count = r.all
	}
	page := r.ordered(r.matching()).Limit(size).Offset(offset).Select(r.ID.Expr+" AS listing_id, ? AS listing_total", count)
	var found []counted[Row]
	err := r.ordered(r.fresh().Table("(?) AS listed", r.base).Joins("JOIN (?) AS page ON page.listing_id = listed."+r.ID.Expr, page)).
		Select("listed.*, page.listing_total").Find(&found).Error
	if err != nil {
		return nil, 0, err
	}
	if len(found) == 0 && offset > 0 {
		var n int64
		err := r.matching().Count(&n).Error
		return nil, n, err
	}
	rows := make([]Row, len(found))
	for i := range found {
		rows[i] = found[i].Row
	}
	if len(found) == 0 {
		return rows, 0, nil
	}
	return rows, found[0].Total, nil
}

// after reads the rows that follow one. The first condition is the one an index can use.
func (r *reading[Row]) after(last *Row, size int) ([]Row, error) {
	beyond := ">"
	if r.descending {
		beyond = "<"
	}
	value := r.key.Of(last)
	rows := []Row{}
	err := r.ordered(r.matching()).Limit(size).
		Where(fmt.Sprintf("%[1]s %[2]s= ? AND (%[1]s %[2]s ? OR %[3]s > ?)", r.key.Expr, beyond, r.ID.Expr), value, value, r.ID.Of(last)).
		Select("listed.*").Find(&rows).Error
	return rows, err
}
