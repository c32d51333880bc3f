package migrate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"

	"portico.internal/platform/database"
)

// Status is where a database stands, in the order of the plan.
type Status struct {
	Alembic   string // the revision that alembic_version holds, empty where there is none
	Applied   []Link // recorded as done
	Adoptable []Link // done by Alembic; Up records them first
	Pending   []Link // Up runs them
}

// Status tells what Up has done and would do. It reads only, also from an empty database, and fails where Up would
// refuse to begin.
func (p *Plan) Status(ctx context.Context, db *gorm.DB) (Status, error) {
	s, err := p.inspect(db.WithContext(ctx))
	return s, remedy(err)
}

func (s Status) atHead() bool { return len(s.Adoptable)+len(s.Pending) == 0 }

// inspect reads what is recorded and, unless nothing is left to do, holds it against the columns that are there.
func (p *Plan) inspect(tx *gorm.DB) (Status, error) {
	s, err := p.records(tx)
	if err != nil || s.atHead() {
		return s, err
	}
	there, err := columns(tx)
	if err != nil {
		return Status{}, err
	}
	// The records anew, and last: what another process has made meanwhile is recorded, and not a column without a record.
	if s, err = p.records(tx); err != nil {
		return Status{}, err
	}
	if err := p.compare(s, there); err != nil {
		return Status{}, err
	}
	return s, nil
}

func (p *Plan) records(tx *gorm.DB) (Status, error) {
	recorded, err := values(tx, p.table, "id")
	if err != nil {
		return Status{}, err
	}
	if err := p.Knows(recorded); err != nil {
		return Status{}, err
	}
	done := map[string]bool{}
	for _, id := range recorded {
		done[id] = true
	}
	version, adopted, err := p.adoptable(tx, done)
	if err != nil {
		return Status{}, err
	}
	s := p.sort(done, adopted)
	s.Alembic = version
	return s, nil
}

// Knows fails where a database that holds these revisions is not for this binary.
func (p *Plan) Knows(revisions []string) error {
	if unknown := slices.DeleteFunc(slices.Clone(revisions), func(id string) bool { return p.known[id] }); len(unknown) > 0 {
		return fmt.Errorf("the database is newer than this binary, or was used by one with more modules: it holds migrations %s, unknown here; start the version that made them", strings.Join(unknown, ", "))
	}
	return nil
}

// sort tells the links of the plan apart. Links of absent modules show where they are done.
func (p *Plan) sort(done map[string]bool, adopted []Link) (s Status) {
	s.Adoptable = adopted
	all := slices.Clone(p.chain)
	for _, step := range p.steps {
		if step.Slug == "" {
			all = append(all, step.Link)
		}
	}
	for _, link := range all {
		switch {
		case done[link.Revision]:
			s.Applied = append(s.Applied, link)
		case slices.Contains(adopted, link):
		case slices.ContainsFunc(p.steps, func(step placed) bool { return step.Link == link }):
			s.Pending = append(s.Pending, link)
		}
	}
	return s
}

// values reads a column of a table that need not exist.
func values(tx *gorm.DB, table, column string) ([]string, error) {
	exists := "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?"
	if database.IsPostgres(tx) {
		exists = "SELECT count(*) FROM pg_class WHERE oid = to_regclass(?)"
	}
	var count int
	if err := tx.Raw(exists, table).Scan(&count).Error; err != nil || count == 0 {
		return nil, err
	}
	var found []string
	err := tx.Raw("SELECT " + column + " FROM " + table + " ORDER BY " + column).Scan(&found).Error
	return found, err
}
