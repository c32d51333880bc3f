package docservice

import (
	"time"

	"portico.internal/platform/secrets"
)

const (
	statusProcessing = "processing"
	statusReady      = "ready"
	statusFailed     = "failed"
)

// document is a row of documents.
type document struct {
	ID           string `gorm:"primaryKey"`
	OwnerID      string
	Title        string
	TitleGiven   bool // by a person: the title inside the PDF does not replace it
	Filename     string
	Size         int64
	SHA256       string `gorm:"column:sha256"`
	Stored       string `gorm:"default:folder"` // where its content is
	Status       string
	Pages        *int
	Error        *string // why it failed, for its owner
	Attempts     int     // how often reading it has begun
	Unclassified bool    // ready, and the classifier has yet to look at it
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// excerpt is the beginning of what a document says, for the classifier alone.
type excerpt struct {
	DocumentID string `gorm:"primaryKey"`
	Content    string
}

func (excerpt) TableName() string { return "document_excerpts" }

// looseObject is an object that belongs to no document, or not yet.
type looseObject struct {
	DocumentID string    `gorm:"primaryKey"`
	DueAt      time.Time // when it is removed
	Doomed     bool      // no document can have it any more
}

func (looseObject) TableName() string { return "document_loose_objects" }

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

// settingsRow is the one row of document_settings.
type settingsRow struct {
	ID        int            `gorm:"primaryKey;autoIncrement:false"`
	Value     string         // JSON object: what was set, the API key aside
	Version   int64          // counts the changes
	APIKey    secrets.Sealed `gorm:"column:api_key"`
	APIKeyFor string         `gorm:"column:api_key_for"` // the AI that it may be sent to
	UpdatedAt *time.Time     `gorm:"autoUpdateTime:false"`
	UpdatedBy *string        // id of a user
}

func (settingsRow) TableName() string { return "document_settings" }
