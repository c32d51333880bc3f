package groups

import (
	"context"

	"gorm.io/gorm"

	"portico.internal/platform/recent"
)

// cachedUsers is for how many users group ids are kept at hand.
const cachedUsers = 10_000

type service struct {
	db  *gorm.DB
	ids *recent.Cache[[]string]
}

var _ Memberships = (*service)(nil)

func newService(db *gorm.DB) *service {
	s := &service{db: db}
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

// mine returns the groups of a user with the user's part in each, by name.
func (s *service) mine(ctx context.Context, userID string) ([]myGroup, error) {
	list := []myGroup{}
	err := s.db.WithContext(ctx).Table("group_memberships AS m").
		Select("g.id, g.name, g.description, m.is_group_admin, m.joined_at").
		Joins("JOIN groups AS g ON g.id = m.group_id").
		Where("m.user_id = ?", userID).Order("g.name, g.id").Scan(&list).Error
	return list, err
}
