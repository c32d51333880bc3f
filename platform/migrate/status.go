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
	Applied   []Link // recorded as done
	Adoptable []Link // done by Alembic; Up records them first
	Pending   []Link // Up runs them
}

// Status tells what Up has done and would do. It reads only, also from an empty database, and fails where Up would
// refuse to begin.
func (p *Plan) Status(ctx context.Context, db *gorm.DB) (Status, error) {
	found, err := p.inspect(db.WithContext(ctx))
	return Status{Applied: found.applied, Adoptable: found.adoptable, Pending: found.pending}, err
}

type state struct{ applied, adoptable, pending []Link }

func (s state) atHead() bool { return len(s.adoptable)+len(s.pending) == 0 }

func (p *Plan) inspect(tx *gorm.DB) (state, error) {
	recorded, err := values(tx, p.table, "id")
	if err != nil {
		return state{}, err
	}
	if unknown := slices.DeleteFunc(slices.Clone(recorded), func(id string) bool { return p.known[id] }); len(unknown) > 0 {
		return state{}, fmt.Errorf("the database is newer than this binary, or was used by one with more modules: it holds migrations %s, unknown here; start the version that made them", strings.Join(unknown, ", "))
	}
	done := map[string]bool{}
	for _, id := range recorded {
		done[id] = true
	}
	adopted, err := p.adoptable(tx, done)
	if err != nil {
		return state{}, err
	}
	return p.sort(done, adopted), nil
}

// sort tells the links of the plan apart. Links of absent modules show where they are done.
func (p *Plan) sort(done map[string]bool, adopted []Link) (s state) {
	s.adoptable = adopted
	all := slices.Clone(p.chain)
	for _, step := range p.steps {
		if step.Slug == "" {
			all = append(all, step.Link)
		}
	}
	for _, link := range all {
		switch {
		case done[link.Revision]:
			s.applied = append(s.applied, link)
		case slices.Contains(adopted, link):
		case slices.ContainsFunc(p.steps, func(step placed) bool { return step.Link == link }):
			s.pending = append(s.pending, link)
		}
	}
	return s
}

// adoptable returns the links Alembic has done and this plan has not recorded, after a look at their columns.
func (p *Plan) adoptable(tx *gorm.DB, done map[string]bool) ([]Link, error) {
	if !p.adopt {
		return nil, nil
	}
	versions, err := values(tx, alembicTable, "version_num")
	if err != nil || len(versions) == 0 {
		return nil, err
	}
	last := slices.IndexFunc(p.chain, func(link Link) bool { return link.Revision == versions[0] })
	if len(versions) > 1 || last < 0 {
		return nil, fmt.Errorf("%s holds %s, which is no revision this binary knows; bring the database to one of those in migrations/chain.txt, or use a newer binary",
			alembicTable, strings.Join(versions, ", "))
	}
	adopted := slices.DeleteFunc(slices.Clone(p.chain[:last+1]), func(link Link) bool { return done[link.Revision] })
	return adopted, p.compare(tx, versions[0], adopted)
}

// compare looks for the columns that the adopted steps should have made.
func (p *Plan) compare(tx *gorm.DB, version string, adopted []Link) error {
	if len(adopted) == 0 {
		return nil
	}
	there, err := columns(tx)
	if err != nil {
		return err
	}
	var missing []string
	for _, step := range p.steps {
		if !slices.Contains(adopted, step.Link) {
			continue
		}
		for _, column := range step.Adds {
			if !there[column] {
				missing = append(missing, column)
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s says %s, but the database has no %s; it is left as it is", alembicTable, version, strings.Join(missing, ", "))
	}
	return nil
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
