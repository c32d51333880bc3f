package audit

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// Entry is a row of audit_entries. It refers to nothing, so that it outlives whoever did it and what it was done to.
type Entry struct {
	ID         string `gorm:"primaryKey"` // see [newID]
	At         time.Time
	ActorKind  string
	ActorID    *string
	ActorName  *string
	Action     string
	TargetType *string
	TargetID   *string
	TargetName *string
	Outcome    string // success, failure
	Reason     *string
	Changes    *string // JSON
	Address    *string
	RequestID  *string
}

// TableName is the table's name.
func (Entry) TableName() string { return "audit_entries" }

const (
	success = "success"
	failure = "failure"
)

// newID makes a UUID of version 7 that holds the microsecond (RFC 9562, 6.2, method 3): ids are in the order of their time,
// which is the order in which entries are read, looked for and swept.
func newID(at time.Time) string {
	var id uuid.UUID
	_, _ = rand.Read(id[8:]) // never fails
	stamp(&id, at)
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}

// firstID is the least id that an entry of that microsecond, or of a later one, can have.
func firstID(at time.Time) string {
	var id uuid.UUID
	stamp(&id, at)
	return id.String()
}

func stamp(id *uuid.UUID, at time.Time) {
	binary.BigEndian.PutUint64(id[:8], uint64(at.UnixMilli())<<16|0x7000|uint64(at.Nanosecond()/1e3%1e3))
}
