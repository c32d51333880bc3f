package groups

import (
	"context"
	"log/slog"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"portico.internal/platform/audit"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/recent"
	"portico.internal/platform/web"
)

// cachedUsers is for how many users group ids are kept at hand.
const cachedUsers = 10_000

type service struct {
	db    *gorm.DB
	audit *audit.Log
	log   *slog.Logger
	ids   *recent.Cache[[]string]
}

var (
	_ Memberships = (*service)(nil)
	_ Directory   = (*service)(nil)
)

func newService(db *gorm.DB, a *audit.Log, log *slog.Logger) *service {
	s := &service{db: db, audit: a, log: log}
	s.ids = recent.New(cachedUsers, s.loadIDs)
	return s
}

func (s *service) GroupIDs(ctx context.Context, userID string) ([]string, error) {
	return s.ids.Get(ctx, userID)
}

func (s *service) loadIDs(ctx context.Context, userID string) ([]string, error) {
	ids := []string{}
	err := s.db.WithContext(ctx).Model(&Membership{}).Where("user_id = ?", userID).Order("group_id").Pluck("group_id", &ids).Error
	return ids, err
}

// Of returns the groups of a user with the user's part in each, by name.
func (s *service) Of(ctx context.Context, userID string) ([]Joined, error) {
	list := []Joined{}
	err := s.db.WithContext(ctx).Table("group_memberships AS m").
		Select("g.id, g.name, g.description, m.is_group_admin, m.joined_at").
		Joins("JOIN groups AS g ON g.id = m.group_id").
		Where("m.user_id = ?", userID).Order(sortName + ", g.id").Scan(&list).Error
	return list, err
}

// runs reports whether the user is an admin of the group.
func (s *service) runs(ctx context.Context, userID, groupID string) (bool, error) {
	var found []string
	err := s.db.WithContext(ctx).Model(&Membership{}).
		Where("group_id = ? AND user_id = ? AND is_group_admin = ?", groupID, userID, true).Pluck("user_id", &found).Error
	return len(found) > 0, err
}

// record leaves in the audit log what is done to a group.
func (s *service) record(ctx context.Context, tx *gorm.DB, action string, g *Group, c ...audit.Changes) error {
	events := make([]audit.Event, len(c))
	for i := range c {
		events[i] = audit.Event{Action: action, Target: audit.Target{Type: "group", ID: g.ID, Name: g.Name}, Changes: c[i]}
	}
	return s.audit.Record(ctx, tx, events...)
}

// note logs a change that the caller has made.
func (s *service) note(ctx context.Context, what, groupID string, more ...any) {
	s.log.InfoContext(ctx, what, append([]any{"actor", identity.From(ctx).ID, "group_id", groupID, "address", web.ClientAddr(ctx)}, more...)...)
}

// isID tells what can be the id of a row; anything else may be too long to be asked for.
func isID(text string) bool {
	return len(text) == len(uuid.Nil.String()) && uuid.Validate(text) == nil
}

func errNoGroup() error      { return errs.New(errs.NotFound, "Group not found") }
func errNoUser() error       { return errs.New(errs.NotFound, "User not found") }
func errNoMembership() error { return errs.New(errs.NotFound, "Membership not found") }
func errIsMember() error     { return errs.New(errs.BadRequest, "User is already a member") }
func errLastAdmin() error {
	return errs.New(errs.BadRequest, "Cannot remove the last group admin")
}
