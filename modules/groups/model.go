package groups

import "time"

// Group is a row of groups.
type Group struct {
	ID          string  `gorm:"primaryKey"`
	Name        string  // unique
	NameKey     *string // unique, see [NameKey]; null where a program that does not know it has made the group
	Description *string
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// described is what admins say of a group.
type described struct {
	Name        string  `json:"name"`
	Description *string `json:"description"`
}

func (g *Group) described() described { return described{g.Name, g.Description} }

// TableName is the table's name.
func (Group) TableName() string { return "groups" }

// Membership is a row of group_memberships. It goes with its group and with its user.
type Membership struct {
	GroupID      string `gorm:"primaryKey"`
	UserID       string `gorm:"primaryKey"`
	JoinedAt     time.Time
	IsGroupAdmin bool
}

// TableName is the table's name.
func (Membership) TableName() string { return "group_memberships" }
