package profile

import (
	"time"

	"portico.internal/platform/database"
)

// Profile is a row of profiles: what a user tells of themselves. It goes with its user.
type Profile struct {
	ID          string `gorm:"primaryKey"`
	UserID      string // unique
	Phone       *string
	DateOfBirth *database.Date
	Position    *string
	Address     *string
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// told is what a user tells, as the audit log compares it.
func (p *Profile) told() map[string]any {
	return map[string]any{"phone": p.Phone, "date_of_birth": p.DateOfBirth, "position": p.Position, "address": p.Address}
}

// personal are the fields of which the audit log says no more than that they differ.
var personal = []string{"phone", "date_of_birth", "address"}

// TableName is the table's name.
func (Profile) TableName() string { return "profiles" }
