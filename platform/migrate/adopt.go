package migrate

import (
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// alembicTable is where Alembic, the tool of the FastAPI backend, keeps the revision that it has brought a database to.
const alembicTable = "alembic_version"

// adoptable returns the revision Alembic is at, and the links it has done and this plan has not recorded.
func (p *Plan) adoptable(tx *gorm.DB, done map[string]bool) (version string, adopted []Link, err error) {
	if !p.adopt {
		return "", nil, nil
	}
	versions, err := values(tx, alembicTable, "version_num")
	switch {
	case err != nil || len(versions) == 0:
		return "", nil, err
	case len(versions) > 1:
		return "", nil, fmt.Errorf("%s holds %s, where one revision is expected; bring the old backend to one head with its own Alembic, then start again; nothing was changed",
			alembicTable, strings.Join(versions, ", "))
	}
	last := slices.IndexFunc(p.chain, func(link Link) bool { return link.Revision == versions[0] })
	if last < 0 {
		return "", nil, fmt.Errorf("%s holds %s, which is no revision this binary knows; use a newer one, or go back to a revision of docs/guides/replace-fastapi.md with the old backend's alembic downgrade; nothing was changed",
			alembicTable, versions[0])
	}
	return versions[0], slices.DeleteFunc(slices.Clone(p.chain[:last+1]), func(link Link) bool { return done[link.Revision] }), nil
}

// compare holds the steps against the columns that are there: an adopted one must have made all of its own, and one that
// is to be run none.
func (p *Plan) compare(s Status, there map[string]bool) error {
	before := ""
	for _, step := range p.steps {
		var found, missing []string
		for _, column := range step.Adds {
			if there[column] {
				found = append(found, column)
			} else {
				missing = append(missing, column)
			}
		}
		switch {
		case slices.Contains(s.Adoptable, step.Link) && len(missing) > 0:
			return fmt.Errorf("%s says %s, but step %s is not there: the database has no %s; restore it from a backup, or let the old backend run the step again (alembic stamp %s, then alembic upgrade %s); nothing was changed",
				alembicTable, s.Alembic, step.Link, few(missing), orBase(before), s.Alembic)
		case !slices.Contains(s.Pending, step.Link) || len(found) == 0:
		case s.Alembic != "" && len(s.Adoptable) > 0:
			return fmt.Errorf("%s says %s, but the database has %s already, which step %s is to make; let the old backend finish or record that step (alembic upgrade or stamp), or take away what half of it has left; nothing was changed",
				alembicTable, s.Alembic, few(found), step.Link)
		default:
			return fmt.Errorf("the database has %s already, which step %s is to make, and no record that Portico or Alembic made it; check that database.url (DATABASE_URL) names the right database, or restore this one from a backup; nothing was changed",
				few(found), step.Link)
		}
		before = step.Link.Revision
	}
	return nil
}

// few lists at most four.
func few(columns []string) string {
	if n := len(columns); n > 4 {
		return fmt.Sprintf("%s and %d more", strings.Join(columns[:4], ", "), n-4)
	}
	return strings.Join(columns, ", ")
}

// orBase is Alembic's word for the time before the first revision.
func orBase(revision string) string {
	if revision == "" {
		return "base"
	}
	return revision
}
