package users

import (
	"time"

	"portico.internal/platform/database"
)

// User is a row of users. Its defaults live here in Go: a default in a gorm tag would turn a false into true.
type User struct {
	ID              string `gorm:"primaryKey"`
	Email           string // canonical, unique
	FullName        *string
	HashedPassword  string
	IsActive        bool
	IsSuperuser     bool
	DashboardAppIDs database.Strings
	ColorMode       *string
	CreatedAt       time.Time
	UpdatedAt       time.Time
}

// TableName is the table's name.
func (User) TableName() string { return "users" }
