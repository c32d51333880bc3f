package groups

import (
	"context"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/modules/users"
	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/listing"
)

var memberList = listing.List[member]{
	Search: []string{"email", "full_name"},
	Sorts: map[string]listing.Key[member]{
		"email":          {Expr: "email", Of: func(m *member) any { return m.Email }},
		"full_name":      {Expr: "COALESCE(full_name, '')", Of: fullName},
		"is_active":      {Expr: "is_active", Of: func(m *member) any { return m.IsActive }},
		"is_group_admin": {Expr: "is_group_admin", Of: func(m *member) any { return m.IsGroupAdmin }},
		"joined_at":      {Expr: "joined_at", Of: func(m *member) any { return m.JoinedAt }},
	},
	Default: "email",
	ID:      listing.Key[member]{Expr: "user_id", Of: func(m *member) any { return m.UserID }},
}

func fullName(m *member) any {
	if m.FullName == nil {
		return ""
	}
	return *m.FullName
}

// members selects who is in a group, as it is shown.
func members(db *gorm.DB, groupID string) *gorm.DB {
	return db.Table("group_memberships AS m").
		Select("m.user_id, u.email, u.full_name, u.is_active, m.is_group_admin, m.joined_at").
		Joins("JOIN ("+users.Listed+") AS u ON u.id = m.user_id").
		Where("m.group_id = ?", groupID)
}

func getMember(tx *gorm.DB, groupID, userID string) (*member, error) {
	var m member
	err := members(tx, groupID).Where("m.user_id = ?", userID).Take(&m).Error
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return nil, errNoMembership()
	}
	return &m, err
}

// members lists who is in a group.
func (s *service) members(ctx context.Context, g *groupOut, q listing.Query) (*listing.Out[member], error) {
	return memberList.RunKnown(ctx, members(s.db, g.ID), q, g.MemberCount)
}

// add makes the user that find returns a member.
func (s *service) add(ctx context.Context, groupID string, find func(tx *gorm.DB) (userID string, err error)) (m *member, err error) {
	var userID string
	err = database.Write(ctx, s.db, func(tx *gorm.DB) error {
		g, err := hold(tx, groupID, deleting)
		if err != nil {
			return err
		}
		if userID, err = find(tx); err != nil {
			return err
		}
		row := &Membership{GroupID: groupID, UserID: userID, JoinedAt: tx.NowFunc()}
		insert := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(row)
		switch {
		case errors.Is(insert.Error, gorm.ErrForeignKeyViolated): // the group is held, so it is the user who went away
			return errNoUser()
		case insert.Error != nil:
			return insert.Error
		case insert.RowsAffected == 0:
			return errIsMember()
		}
		if m, err = getMember(tx, groupID, userID); err != nil {
			return err
		}
		return s.record(ctx, tx, "group.member_added", g, audit.Diff(nil, m.membership()))
	})
	s.ids.Invalidate(userID) // also after an error: the commit may have happened all the same
	if err != nil {
		return nil, err
	}
	s.note(ctx, "group member added", groupID, "user_id", userID)
	return m, nil
}

// byID finds no more than what a row can refer to; whether the user is there shows when it does.
func byID(userID string) func(*gorm.DB) (string, error) {
	return func(*gorm.DB) (string, error) {
		if !isID(userID) {
			return "", errNoUser()
		}
		return userID, nil
	}
}

func byEmail(email string) func(*gorm.DB) (string, error) {
	return func(tx *gorm.DB) (string, error) {
		known, err := findUsers(tx, []string{email})
		if err != nil {
			return "", err
		}
		id, found := known.id(email)
		if !found {
			return "", errNoUser()
		}
		return id, nil
	}
}

// remove ends a membership. With keepAdmin the last active admin of the group stays.
func (s *service) remove(ctx context.Context, groupID, userID string, keepAdmin bool) error {
	err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
		from := deleting
		if keepAdmin {
			from = changing
		}
		g, err := hold(tx, groupID, from)
		if err != nil {
			return err
		}
		m, err := getMember(tx, groupID, userID)
		if err != nil {
			return err
		}
		if keepAdmin {
			if err := checkNotLastAdmin(tx, groupID, m); err != nil {
				return err
			}
		}
		gone := tx.Where("group_id = ? AND user_id = ?", groupID, userID).Delete(&Membership{})
		switch {
		case gone.Error != nil:
			return gone.Error
		case gone.RowsAffected == 0: // somebody was faster
			return errNoMembership()
		}
		return s.record(ctx, tx, "group.member_removed", g, audit.Diff(m.membership(), nil))
	})
	s.ids.Invalidate(userID)
	if err == nil {
		s.note(ctx, "group member removed", groupID, "user_id", userID)
	}
	return err
}

func checkNotLastAdmin(tx *gorm.DB, groupID string, m *member) error {
	if !m.IsGroupAdmin {
		return nil
	}
	var others int64
	err := members(tx, groupID).Where("m.is_group_admin = ? AND u.is_active = ? AND m.user_id <> ?", true, true, m.UserID).Count(&others).Error
	if err == nil && others == 0 {
		return errLastAdmin()
	}
	return err
}

// setAdmin says whether a member runs the group.
func (s *service) setAdmin(ctx context.Context, groupID, userID string, admin bool) (m *member, err error) {
	err = database.Write(ctx, s.db, func(tx *gorm.DB) error {
		g, err := hold(tx, groupID, deleting)
		if err != nil {
			return err
		}
		change := tx.Model(&Membership{}).Where("group_id = ? AND user_id = ? AND is_group_admin <> ?", groupID, userID, admin).Update("is_group_admin", admin)
		if change.Error != nil {
			return change.Error
		}
		if m, err = getMember(tx, groupID, userID); err != nil || change.RowsAffected == 0 {
			return err
		}
		return s.record(ctx, tx, "group.member_changed", g, audit.Changes{
			"user_id": {Old: userID, New: userID}, "email": {Old: m.Email, New: m.Email}, "is_group_admin": {Old: !admin, New: admin},
		})
	})
	if err == nil {
		s.note(ctx, "group admin set", groupID, "user_id", userID, "is_group_admin", admin)
	}
	return m, err
}

// forget drops what is kept at hand of users whose groups have changed.
func (s *service) forget(userIDs []string) {
	for _, id := range userIDs {
		s.ids.Invalidate(id)
	}
}
