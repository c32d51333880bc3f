package storage

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/errs"
)

const (
	attempts  = 3  // for one object
	maxMisses = 20 // objects in a row that fail before the rest is not tried any more
)

// errHopeless says that an object was not tried.
var errHopeless = errors.New("too many others have failed")

// errContent says that what was read is not what the catalogue says.
var errContent = errors.New("the content is not the one that was stored")

// flight is an object on its way to the target, or being read back from there.
type flight struct {
	Object
	source, target *backend
	name           string // at the target
	taken          bool   // something of others lies there under the key
	read           int64  // bytes counted as done
	stage          string // where it failed
	err            error
	stale          bool // the object is another one by now, and what failed is of no interest
}

// persist tries again what may succeed the next time, and notes in the flight how it ended. again comes before each new
// try.
func (m *migration) persist(ctx context.Context, f *flight, try func() (stage string, err error), again func() error) {
	f.err = patiently(ctx, m.pace.retry, func() (err error) {
		if f.err != nil {
			m.counts.bytesDone.Add(-f.read)
			f.read = 0
			if again() != nil {
				return f.err
			}
		}
		f.stage, f.err = try()
		return f.err
	})
	switch {
	case f.err == nil:
		m.misses.Store(0)
		return
	case !errors.Is(f.err, errGone): // which may only say that the object was written anew
		m.misses.Add(1)
	}
	m.counts.bytesDone.Add(-f.read)
	f.read = 0
}

// patiently tries again what may succeed the next time.
func patiently(ctx context.Context, first time.Duration, try func() error) error {
	for attempt := 1; ; attempt++ {
		err := try()
		if err == nil || attempt == attempts || !mayPass(err) || ctx.Err() != nil {
			return err
		}
		if pause(ctx, time.Duration(attempt*attempt)*(first+rand.N(first))) != nil {
			return err
		}
	}
}

// hopeless tells whether so many objects in a row have failed that the rest is not tried.
func (m *migration) hopeless() bool { return m.misses.Load() >= maxMisses }

// mayPass tells whether an object may be moved the next time. What no backend has explained may be anything, such as a
// connection that broke in the middle.
func mayPass(err error) bool {
	var known *errs.Error
	return passing(err) || !errors.As(err, &known) && !errors.Is(err, errGone)
}

// giveUp gives back the name of a flight that has failed. What may lie there becomes trash, unless it was not
// written or is somebody else's.
func (m *migration) giveUp(tx *gorm.DB, f *flight) error {
	if errors.Is(f.err, errTaken) || errors.Is(f.err, errHopeless) {
		return m.forget(tx, f.name)
	}
	return m.drop(tx, f.name)
}

func (m *migration) forget(tx *gorm.DB, names ...string) error {
	return tx.Where("backend_id = ? AND name IN ?", m.job.TargetID, names).Delete(&Upload{}).Error
}

// drop makes trash of what may lie at the target under the name.
func (m *migration) drop(tx *gorm.DB, name string) error {
	return errors.Join(m.forget(tx, name), discard(tx, Trash{BackendID: m.job.TargetID, Name: name, DueAt: tx.NowFunc(), Unfinished: true}))
}

// complain notes what failed, of objects that are still there: one that was deleted or written anew meanwhile needs no copy.
func (m *migration) complain(tx *gorm.DB, lost []*flight) error {
	for _, f := range lost {
		var still int64
		err := tx.Model(&Object{}).Where("version = ? AND backend_id = ?", f.Version, m.job.SourceID).Count(&still).Error
		if err != nil {
			return err
		}
		if f.stale = still == 0; f.stale || errors.Is(f.err, errHopeless) {
			continue
		}
		if err := m.record(tx, f.Key, f.stage, told(f.err)); err != nil {
			return err
		}
	}
	return nil
}

// record notes what went wrong with a key, or with all of the migration where it is empty.
func (m *migration) record(tx *gorm.DB, key, stage, message string) error {
	return tx.Clauses(clause.OnConflict{UpdateAll: true}).
		Create(&JobError{JobID: m.job.ID, Key: key, Stage: stage, Message: message, At: tx.NowFunc()}).Error
}

// told is what may be shown of a failure.
func told(err error) string {
	if errors.Is(err, errContent) {
		return "The content is not the one that was stored"
	}
	return reason(err)
}

// recount brings the number of objects that failed up to date when there are more of them.
func (m *migration) recount(ctx context.Context, lost []*flight) error {
	if len(lost) == 0 {
		return nil
	}
	for _, f := range lost {
		if errors.Is(f.err, errGone) && !f.stale {
			m.misses.Add(1)
		}
	}
	var n int64
	err := m.db.WithContext(ctx).Model(&JobError{}).Where("job_id = ? AND key <> ''", m.job.ID).Distinct("key").Count(&n).Error
	m.counts.failed.Store(n)
	return err
}

// counter counts what is read, and remembers what it failed with.
type counter struct {
	from io.Reader
	to   *atomic.Int64
	n    *int64
	err  error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.to.Add(int64(n))
	*c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}
