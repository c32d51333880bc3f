package docservice

import "time"

const (
	statusProcessing = "processing"
	statusReady      = "ready"
	statusFailed     = "failed"
)

// document is a row of documents.
type document struct {
	ID         string `gorm:"primaryKey"`
	OwnerID    string
	Title      string
	TitleGiven bool // by a person: the title inside the PDF does not replace it
	Filename   string
	Size       int64
	SHA256     string `gorm:"column:sha256"`
	Status     string
	Pages      *int
	Error      *string // why it failed, for its owner
	Attempts   int     // how often reading it has begun
	CreatedAt  time.Time
	UpdatedAt  time.Time
}

// share lets the members of a group see a document.
type share struct {
	DocumentID string `gorm:"primaryKey"`
	GroupID    string `gorm:"primaryKey"`
}

func (share) TableName() string { return "document_shares" }

// category is a row of categories.
type category struct {
	ID          string `gorm:"primaryKey"`
	Name        string
	NameKey     string // the folded name, unique
	Description *string
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// assignment puts a document into a category.
type assignment struct {
	DocumentID string `gorm:"primaryKey"`
	CategoryID string `gorm:"primaryKey"`
	CreatedAt  time.Time
}

func (assignment) TableName() string { return "document_category_assignments" }
