package groups

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/modules/users"
	"portico.internal/platform/audit"
	"portico.internal/platform/database"
)

// change adds and removes members, all or none. Additions come first: who is named in both lists is out in the end.
func (s *service) change(ctx context.Context, groupID string, b bulk) (*bulkOut, error) {
	var out *bulkOut
	var added, removed []string
	err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
		g, err := hold(tx, groupID, changing)
		if err != nil {
			return err
		}
		known, err := findUsers(tx, slices.Concat(b.Add, b.Remove))
		if err != nil {
			return err
		}
		before, err := whoOf(tx, groupID, known)
		if err != nil {
			return err
		}
		after := map[string]bool{}
		for id := range before {
			after[id] = true
		}
		out = decide(b, known, after)
		added, removed = missing(after, before), missing(before, after)
		if err := apply(tx, groupID, added, removed); err != nil {
			return err
		}
		return s.recordBulk(ctx, tx, g, known, added, removed)
	})
	s.forget(added)
	s.forget(removed)
	if err != nil {
		return nil, err
	}
	s.note(ctx, "group members changed", groupID, "added", added, "removed", removed)
	return out, nil
}

// recordBulk leaves one entry for each membership that has begun or ended.
func (s *service) recordBulk(ctx context.Context, tx *gorm.DB, g *Group, known *directory, added, removed []string) error {
	var begun, ended []audit.Changes
	for _, id := range added {
		begun = append(begun, audit.Diff(nil, membership{id, known.emails[id]}))
	}
	for _, id := range removed {
		ended = append(ended, audit.Diff(membership{id, known.emails[id]}, nil))
	}
	if err := s.record(ctx, tx, "group.member_added", g, begun...); err != nil {
		return err
	}
	return s.record(ctx, tx, "group.member_removed", g, ended...)
}

// directory is the ids of users by what they are named by.
type directory struct {
	exact map[string]string // by id, and by address as the account spells it
	keys  map[string]string // by users.EmailKey; of several the oldest

	emails map[string]string // by id
}

func (d *directory) id(name string) (id string, found bool) {
	if id, found = d.exact[strings.TrimSpace(name)]; !found && strings.Contains(name, "@") {
		id, found = d.keys[users.EmailKey(name)]
	}
	return id, found
}

// findUsers finds who is named by id or address, and keeps them from going away until the transaction ends.
func findUsers(tx *gorm.DB, names []string) (*directory, error) {
	var ids, keys []string
	for _, name := range names {
		switch key := users.EmailKey(name); {
		case strings.Contains(name, "@") && key != "":
			keys = append(keys, key)
		case isID(name):
			ids = append(ids, name)
		}
	}
	var found []struct {
		ID, Email string
		CreatedAt time.Time
	}
	err := tx.Table("("+users.Listed+") AS u").Select("u.id, u.email, u.created_at").
		Where("u.id IN ? OR u.email IN ? OR u.email_key IN ?", ids, keys, keys). // a program that knows no keys may have made an account
		Order("u.id").Clauses(clause.Locking{Strength: "KEY SHARE"}).Scan(&found).Error
	d := &directory{exact: map[string]string{}, keys: map[string]string{}, emails: map[string]string{}}
	oldest := map[string]time.Time{}
	for _, u := range found {
		d.exact[u.ID], d.exact[u.Email], d.emails[u.ID] = u.ID, u.ID, u.Email
		key := users.EmailKey(u.Email)
		if at, there := oldest[key]; !there || u.CreatedAt.Before(at) {
			d.keys[key], oldest[key] = u.ID, u.CreatedAt
		}
	}
	return d, err
}

// whoOf returns which of the users are members.
func whoOf(tx *gorm.DB, groupID string, known *directory) (map[string]bool, error) {
	var found []string
	err := tx.Model(&Membership{}).Where("group_id = ? AND user_id IN ?", groupID, slices.Collect(maps.Values(known.exact))).Pluck("user_id", &found).Error
	in := map[string]bool{}
	for _, id := range found {
		in[id] = true
	}
	return in, err
}

// decide goes through the lists in order. It changes who is in.
func decide(b bulk, known *directory, in map[string]bool) *bulkOut {
	step := func(names []string, join bool, done, idle string) []outcome {
		outcomes := make([]outcome, len(names))
		for i, name := range names {
			id, found := known.id(name)
			switch {
			case !found:
				outcomes[i] = outcome{name, nil, "not_found"}
			case in[id] == join:
				outcomes[i] = outcome{name, &id, idle}
			default:
				outcomes[i] = outcome{name, &id, done}
				in[id] = join
			}
		}
		return outcomes
	}
	return &bulkOut{Add: step(b.Add, true, "added", "already_member"), Remove: step(b.Remove, false, "removed", "not_member")}
}

// missing returns who is in one set and not in the other, sorted.
func missing(in, from map[string]bool) []string {
	list := []string{}
	for id, there := range in {
		if there && !from[id] {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return list
}

func apply(tx *gorm.DB, groupID string, added, removed []string) error {
	if len(added) > 0 {
		now := tx.NowFunc()
		rows := make([]Membership, len(added))
		for i, id := range added {
			rows[i] = Membership{GroupID: groupID, UserID: id, JoinedAt: now}
		}
		if err := tx.Create(&rows).Error; err != nil {
			return err
		}
	}
	if len(removed) == 0 {
		return nil
	}
	return tx.Where("group_id = ? AND user_id IN ?", groupID, removed).Delete(&Membership{}).Error
}
