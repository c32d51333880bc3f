// Package changes tells every replica of the gateway that something has changed, so that what it remembers can follow
// at once.
//
// It makes memory prompt, not right. A replica that has lost touch with the database, or is behind a connection pooler
// in transaction mode, hears nothing: whoever subscribes bounds the age of what it remembers all the same, as
// [portico.internal/platform/recent] does.
package changes

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"gorm.io/gorm"

	"portico.internal/platform/database"
)

// channel carries "topic key", or the topic alone when any key of it may have changed: who changes a row by hand can tell
// it with NOTIFY portico, 'topic'.
const channel = "portico"

// maxName bounds topics and keys, in bytes. PostgreSQL refuses a payload of 8000.
const maxName = 200

// Feed announces the changes made through it, and tells subscribers of those and of the ones that other replicas
// announce.
type Feed struct {
	db   *gorm.DB
	log  *slog.Logger
	deaf atomic.Bool // it has been logged that announcements do not arrive
	hear atomic.Bool // announcements arrive

	mu          sync.RWMutex
	subscribers map[string][]func(key string)
}

// NewFeed makes a feed of the changes in the database.
func NewFeed(db *gorm.DB, log *slog.Logger) *Feed {
	return &Feed{db: db, log: log, subscribers: map[string][]func(string){}}
}

// Subscribe has fn called with the key of each change of the topic after its commit, in this process or another, and
// with "" when any key may have changed, as each time that listening has begun. A change may be told more than once.
//
// fn may be called from several goroutines at the same time. It must be quick: writers and the changes after it wait.
// When it panics, that is logged.
func (f *Feed) Subscribe(topic string, fn func(key string)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subscribers[topic] = append(f.subscribers[topic], fn)
}

// Write is [database.Write] on the feed's database, and announces the change when it has committed: to this process
// before it returns, to others within milliseconds. What fails is not announced. The key "" says that any key may have
// changed. Topic and key have at most 200 bytes; the topic is one word. It must not be called within a transaction.
//
// On PostgreSQL writers who announce commit one after the other, whatever they write: this is not for what changes with
// every request.
func (f *Feed) Write(ctx context.Context, topic, key string, fn func(tx *gorm.DB) error) error {
	if err := check(topic, key); err != nil {
		return err
	}
	err := database.Write(ctx, f.db, func(tx *gorm.DB) error {
		if err := fn(tx); err != nil {
			return err
		}
		return announce(tx, topic+" "+key)
	})
	if err == nil {
		f.tell(topic, key)
	}
	return err
}

func check(topic, key string) error {
	if topic == "" || strings.Contains(topic, " ") {
		return errors.New("the topic of a change must be one word")
	}
	for _, name := range []string{topic, key} {
		if len(name) > maxName || !utf8.ValidString(name) || strings.Contains(name, "\x00") {
			return fmt.Errorf("topic and key of a change must be text of at most %d bytes", maxName)
		}
	}
	return nil
}

// announce reaches everybody who listens, this process too: a commit whose answer got lost is heard of in no other way.
func announce(db *gorm.DB, payload string) error {
	if !database.IsPostgres(db) {
		return nil
	}
	return db.Exec("SELECT pg_notify(?, ?)", channel, payload).Error
}

func (f *Feed) tell(topic, key string) {
	f.mu.RLock()
	subscribers := f.subscribers[topic]
	f.mu.RUnlock()
	for _, fn := range subscribers {
		f.call(fn, topic, key)
	}
}

func (f *Feed) tellAll() {
	f.mu.RLock()
	topics := make([]string, 0, len(f.subscribers))
	for topic := range f.subscribers {
		topics = append(topics, topic)
	}
	f.mu.RUnlock()
	for _, topic := range topics {
		f.tell(topic, "")
	}
}

func (f *Feed) call(fn func(key string), topic, key string) {
	defer func() {
		if cause := recover(); cause != nil {
			f.log.Error("panic", "topic", topic, "cause", cause, "stack", string(debug.Stack()))
		}
	}()
	fn(key)
}
