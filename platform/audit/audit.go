// Package audit is how a module leaves a record of who has done what: one call, in the transaction of the change. Who asked,
// from where and under which request id is read from the context. The module audit keeps the records; in a gateway without
// it nothing is recorded.
package audit

import (
	"context"
	"time"

	"gorm.io/gorm"

	"portico.internal/platform/logging"
	"portico.internal/platform/sanitize"
	"portico.internal/platform/web"
)

// Event is something that somebody has done, or has tried to do.
type Event struct {
	Action  string  // two words with a dot between, the kind of thing first: group.created
	Target  Target  // what it was done to
	Changes Changes // nil where there is nothing to compare; of changes that are none nothing is recorded
	Failure string  // why it came to nothing, in a few words; empty: it was done
}

// Target names a thing so that people know it when it is gone.
type Target struct {
	Type string
	ID   string
	Name string // as it is now
}

// Entry is an event as it is kept, with its circumstances. Every text is of one line and bounded, and nothing in it has the
// form of a secret.
type Entry struct {
	At        time.Time
	Actor     Actor
	Event     Event
	Changes   string // JSON, at most 8 KiB; empty: none
	Address   string // of the client
	RequestID string
}

// Keeper keeps entries. The module audit exports one.
type Keeper interface {
	// Keep stores the entries with the transaction.
	Keep(tx *gorm.DB, entries []Entry) error
}

// Log takes events. Nil takes them and records nothing.
type Log struct{ keeper Keeper }

// NewLog makes a log, which records nothing where the keeper is nil.
func NewLog(k Keeper) *Log { return &Log{k} }

// Record keeps events as part of the transaction, with one statement for all of them. Its error must end the transaction:
// what cannot be recorded is not done.
func (l *Log) Record(ctx context.Context, tx *gorm.DB, events ...Event) error {
	if l == nil || l.keeper == nil {
		return nil
	}
	circumstances := Entry{At: tx.NowFunc(), Actor: actorOf(ctx), Address: line(web.ClientAddr(ctx), MaxAction), RequestID: web.RequestID(ctx)}
	var entries []Entry
	for _, e := range events {
		if e.Changes != nil && len(e.Changes) == 0 {
			continue
		}
		entry := circumstances
		entry.Event, entry.Changes = e.clean(), e.Changes.text()
		entries = append(entries, entry)
	}
	if len(entries) == 0 {
		return nil
	}
	return l.keeper.Keep(tx, entries)
}

// The most characters that the texts of an entry have.
const (
	MaxAction = 64 // also of the type of a target, and of an address
	MaxID     = 200
	MaxName   = 320 // an e-mail address
	MaxReason = 200
)

func (e Event) clean() Event {
	return Event{
		Action: line(e.Action, MaxAction), Failure: line(e.Failure, MaxReason),
		Target: Target{line(e.Target.Type, MaxAction), line(e.Target.ID, MaxID), line(e.Target.Name, MaxName)},
	}
}

// line brings a text into the form of an entry.
func line(text string, most int) string { return cut(logging.Mask(sanitize.Line(text)), most) }

const dots = "…"

// cut leaves at most so many characters of a text, the last of them dots where some are missing.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	n, end := 0, 0
	for i := range text {
		if n++; n == most {
			end = i
		}
		if n > most {
			return text[:end] + dots
		}
	}
	return text
}
