package users

import (
	"time"

	"portico.internal/platform/database"
)

// User is a row of users. Its defaults live here in Go: a default in a gorm tag would turn a false into true.
type User struct {
	ID               string  `gorm:"primaryKey"`
	Email            string  // unique; canonical, but for accounts that another program has made
	EmailKey         *string // see [EmailKey]; null where a program that does not know it has made the account
	FullName         *string
	HashedPassword   string
	IsActive         bool
	IsSuperuser      bool
	DashboardAppIDs  database.Strings
	ColorMode        *string
	CreatedAt        time.Time
	UpdatedAt        time.Time
	TokensValidAfter *time.Time // a whole second; tokens issued before it have ended
}

// TableName is the table's name.
func (User) TableName() string { return "users" }

// ended says whether a token issued at that time has ended.
func (u *User) ended(issued time.Time) bool {
	return u.TokensValidAfter != nil && issued.Before(*u.TokensValidAfter)
}

// PasswordReset is a row of password_resets: the one token that may give a user a new password. It goes with its user.
type PasswordReset struct {
	UserID    string `gorm:"primaryKey"`
	TokenHash string // SHA-256 in hex, unique
	ExpiresAt time.Time
}

// TableName is the table's name.
func (PasswordReset) TableName() string { return "password_resets" }
