package groups

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/listing"
)

// sortName orders groups by name as people do, whatever the case.
const sortName = "COALESCE(g.name_key, g.name)"

var groupList = listing.List[groupOut]{
	Search: []string{"name"},
	Sorts: map[string]listing.Key[groupOut]{
		"name":         {Expr: "sort_name", Of: func(g *groupOut) any { return g.SortName }},
		"created_at":   {Expr: "created_at", Of: func(g *groupOut) any { return g.CreatedAt }},
		"member_count": {Expr: "member_count", Of: func(g *groupOut) any { return g.MemberCount }},
	},
	Default: "name",
	ID:      listing.Key[groupOut]{Expr: "id", Of: func(g *groupOut) any { return g.ID }},
}

// outs selects groups as they are shown.
func outs(db *gorm.DB) *gorm.DB {
	return db.Table("groups AS g").Select("g.id, g.name, g.description, g.created_at, " + sortName + " AS sort_name, " +
		"(SELECT COUNT(*) FROM group_memberships AS m WHERE m.group_id = g.id) AS member_count")
}

func (s *service) list(ctx context.Context, q listing.Query) (*listing.Out[groupOut], error) {
	return groupList.Run(ctx, outs(s.db), q)
}

// get returns a group as it is shown. It fails with errs.NotFound when there is none.
func get(db *gorm.DB, id string) (*groupOut, error) {
	var g groupOut
	err := outs(db).Where("g.id = ?", id).Take(&g).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errNoGroup()
	}
	return &g, err
}

func (s *service) get(ctx context.Context, id string) (*groupOut, error) {
	return get(s.db.WithContext(ctx), id)
}

func (s *service) create(ctx context.Context, in groupCreate) (*groupOut, error) {
	key := NameKey(in.Name)
	g := &Group{ID: uuid.NewString(), Name: in.Name, NameKey: &key, Description: in.Description}
	err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
		if err := checkFree(tx, key, g.ID); err != nil {
			return err
		}
		if err := unique(tx.Create(g).Error); err != nil {
			return err
		}
		return s.record(ctx, tx, "group.created", g, audit.Diff(nil, g.described()))
	})
	if err != nil {
		return nil, err
	}
	s.note(ctx, "group created", g.ID, "name", g.Name)
	return &groupOut{ID: g.ID, Name: g.Name, Description: g.Description, CreatedAt: g.CreatedAt}, nil
}

func (s *service) update(ctx context.Context, id string, in groupUpdate) (out *groupOut, err error) {
	err = database.Write(ctx, s.db, func(tx *gorm.DB) error {
		g, err := hold(tx, id, changing)
		if err != nil {
			return err
		}
		set := map[string]any{}
		if in.Name.Set {
			set["name"] = in.Name.Value
			if key := NameKey(in.Name.Value); g.NameKey == nil || key != NameKey(g.Name) {
				set["name_key"] = key
				if err := checkFree(tx, key, id); err != nil {
					return err
				}
			}
		}
		if in.Description.Set {
			set["description"] = in.Description.Pointer()
		}
		if len(set) > 0 {
			if err := unique(tx.Model(&Group{}).Where("id = ?", id).Updates(set).Error); err != nil {
				return err
			}
		}
		if out, err = get(tx, id); err != nil {
			return err
		}
		return s.record(ctx, tx, "group.changed", g, audit.Diff(g.described(), described{out.Name, out.Description}))
	})
	if err == nil {
		s.note(ctx, "group changed", id, "name", out.Name)
	}
	return out, err
}

func (s *service) delete(ctx context.Context, id string) error {
	var members []string
	err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
		g, err := hold(tx, id, changing)
		if err != nil {
			return err
		}
		if err := tx.Model(&Membership{}).Where("group_id = ?", id).Pluck("user_id", &members).Error; err != nil {
			return err
		}
		if err := tx.Where("id = ?", id).Delete(&Group{}).Error; err != nil {
			return err
		}
		return s.record(ctx, tx, "group.deleted", g, audit.Diff(g.described(), nil))
	})
	s.forget(members)
	if err == nil {
		s.note(ctx, "group deleted", id, "members", len(members))
	}
	return err
}

// What [hold] keeps others from, until the transaction ends.
const (
	deleting = "KEY SHARE" // it, and all that asks for changing
	changing = clause.LockingStrengthUpdate
)

// hold reads a group and keeps others from deleting it, or from changing anything about it or its members. It fails with
// errs.NotFound when there is none. On SQLite the transaction is the only one that writes.
func hold(tx *gorm.DB, id, from string) (*Group, error) {
	var g Group
	err := tx.Clauses(clause.Locking{Strength: from}).Where("id = ?", id).Take(&g).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errNoGroup()
	}
	return &g, err
}

// unique says of a name that another transaction was faster to take what [checkFree] says of one that it sees.
func unique(err error) error {
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return errs.Wrap(errs.BadRequest, errNameTaken().Error(), err)
	}
	return err
}
