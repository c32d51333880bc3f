package notes

import "time"

// Item is a row of notes_items. It goes with its user.
type Item struct {
	ID        string `gorm:"primaryKey"`
	UserID    string
	Title     string
	CreatedAt time.Time
}

// TableName is the table's name.
func (Item) TableName() string { return "notes_items" }
