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

// TableName is the table's name.
func (Profile) TableName() string { return "profiles" }
