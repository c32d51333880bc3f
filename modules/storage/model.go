package storage

import (
	"time"

	"portico.internal/platform/secrets"
)

// Backend is a row of storage_backends: a place where blobs lie or have lain.
type Backend struct {
	ID        string `gorm:"primaryKey"`
	Kind      string // local, s3, azure
	Place     string // unique; see [place.fingerprint]
	Config    string // JSON, secret aside
	Secret    secrets.Sealed
	Version   int64 // counts the changes of config and secret
	CreatedAt time.Time
	UpdatedAt time.Time
}

// TableName is the table's name.
func (Backend) TableName() string { return "storage_backends" }

// State is the one row of storage_state. Whoever makes an object appear holds it, shared, until the commit; the switch
// to another backend holds it alone.
type State struct {
	ID          int `gorm:"primaryKey;autoIncrement:false"` // 1
	BackendID   string
	Epoch       int64      // counts the switches
	FrozenUntil *time.Time // no object appears until then
	UpdatedAt   time.Time
}

// TableName is the table's name.
func (State) TableName() string { return "storage_state" }

// Object is a row of storage_objects, the catalogue: what it does not name does not exist for clients.
type Object struct {
	Key         string `gorm:"primaryKey"`
	Version     string // unique; of each content that a key has had
	BackendID   string
	Name        string // of the blob at the backend; unique there
	Size        int64
	ContentType string
	SHA256      string `gorm:"column:sha256"` // lower-case hex
	ModifiedAt  time.Time
}

// TableName is the table's name.
func (Object) TableName() string { return "storage_objects" }

// Upload is a row of storage_uploads: a blob that is being written and that no other row names yet. Its writer extends
// the lease; one that has run out is swept.
type Upload struct {
	BackendID  string `gorm:"primaryKey"`
	Name       string `gorm:"primaryKey"`
	Version    string
	LeaseUntil time.Time
}

// TableName is the table's name.
func (Upload) TableName() string { return "storage_uploads" }

// Trash is a row of storage_trash: a blob to remove. When that is done the row stays for a while, so that nobody takes
// the name before every late word of those who had it has arrived.
type Trash struct {
	BackendID  string `gorm:"primaryKey"`
	Name       string `gorm:"primaryKey"`
	DueAt      time.Time
	Unfinished bool       // its writer may have left more behind than the blob
	RemovedAt  *time.Time // since when the name rests
}

// TableName is the table's name.
func (Trash) TableName() string { return "storage_trash" }

// Job is a row of storage_jobs: a migration.
type Job struct {
	ID             string `gorm:"primaryKey"`
	SourceID       string
	TargetID       string
	State          string
	Running        *int // 1 while it runs, which only one job can; null when it has ended
	Total          int64
	Done           int64
	Failed         int64
	BytesTotal     int64
	BytesDone      int64
	LeaseOwner     *string
	LeaseUntil     *time.Time
	StartedBy      *string // id of a user
	StartedByEmail *string // as it was then
	StartedAt      time.Time
	UpdatedAt      time.Time
	FinishedAt     *time.Time
}

// TableName is the table's name.
func (Job) TableName() string { return "storage_jobs" }

// Receipt is a row of storage_receipts: a blob of the source that lies at the target too.
type Receipt struct {
	BackendID  string `gorm:"primaryKey"` // the target
	Version    string `gorm:"primaryKey"` // of the object
	Name       string // at the target
	SourceID   string
	SourceName string
	Size       int64
	SHA256     string `gorm:"column:sha256"`
	CopiedAt   time.Time
	VerifiedBy *string // id of the job that has read it back
}

// TableName is the table's name.
func (Receipt) TableName() string { return "storage_receipts" }

// JobError is a row of storage_errors: an object that a job could not move.
type JobError struct {
	JobID   string `gorm:"primaryKey"`
	Key     string `gorm:"primaryKey"`
	Stage   string `gorm:"primaryKey"`
	Message string // for people: no host, no secret
	At      time.Time
}

// TableName is the table's name.
func (JobError) TableName() string { return "storage_errors" }
