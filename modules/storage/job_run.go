package storage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.uber.org/fx"
	"golang.org/x/sync/semaphore"
	"gorm.io/gorm"

	"portico.internal/platform/audit"
	"portico.internal/platform/changes"
	"portico.internal/platform/errs"
)

// engine moves all objects from one place to another. Every replica has one; the database says whose turn it is.
type engine struct {
	db       *gorm.DB
	feed     *changes.Feed
	audit    *audit.Log
	log      *slog.Logger
	backends *backends
	owner    string // of leases: this process
	pace     pace
	wake     chan struct{} // something about migrations has changed
	hook     func(ctx context.Context, point string)

	starting *semaphore.Weighted // one that is about to begin a migration
	stopping context.CancelFunc
	running  sync.WaitGroup
}

// pace is how long things take.
type pace struct {
	lease     time.Duration // without a beat, until another process may take a migration over
	beat      time.Duration
	tick      time.Duration // between two looks for work that nobody has told of
	deference time.Duration // for which a migration is left to others
	freeze    time.Duration
	grace     time.Duration // for readers who have looked up where an object lies and not opened it yet
	stall     time.Duration // without anything removed, before the rest is left to the sweeper
	retry     time.Duration // the first pause between two attempts for an object
	rounds    int           // of copying and verifying before the switch
}

var usualPace = pace{
	lease: 6 * time.Second, beat: time.Second, tick: 5 * time.Second, freeze: 10 * time.Second, grace: 2 * time.Second,
	stall: 2 * claimLimit, retry: 200 * time.Millisecond, rounds: 20,
}

func newEngine(life fx.Lifecycle, db *gorm.DB, feed *changes.Feed, a *audit.Log, log *slog.Logger, b *backends) *engine {
	e := &engine{db: db, feed: feed, audit: a, log: log, backends: b, owner: uuid.NewString(), pace: usualPace, wake: make(chan struct{}, 1), starting: semaphore.NewWeighted(1)}
	life.Append(fx.StopHook(e.stop))
	return e
}

// start begins to look for migrations to work on.
func (e *engine) start(context.Context) error {
	if e.backends.elsewhere {
		return nil
	}
	e.feed.Subscribe(topic, func(string) {
		select {
		case e.wake <- struct{}{}:
		default:
		}
	})
	ctx, cancel := context.WithCancel(context.Background())
	e.stopping = cancel
	e.running.Go(func() { e.loop(ctx) })
	return nil
}

// stop gives up what is under way, so that another replica goes on with it at once.
func (e *engine) stop(ctx context.Context) error {
	if e.stopping == nil {
		return nil
	}
	e.stopping()
	ended := make(chan struct{})
	go func() {
		e.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// loop works on migrations until ctx ends.
func (e *engine) loop(ctx context.Context) {
	for {
		m, again, err := e.claim(ctx)
		if m != nil {
			err = m.work(ctx)
			again = e.pace.beat
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			e.log.WarnContext(ctx, "storage migration interrupted", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		case <-time.After(again):
		}
	}
}

// unexpected is what is told of a failure that nobody has thought of.
const unexpected = "Something unexpected has happened; the log of the gateway says what"

// failure ends a migration: more of the same would not help.
type failure struct{ stage, message string }

func (f *failure) Error() string { return f.message }

// work goes on with the migration until it has ended, or somebody else has to go on. An error is none of the migration's:
// it is taken up again.
func (m *migration) work(ctx context.Context) error {
	m.note(ctx, "state", m.job.State, "taken", true)
	running, stop := context.WithCancelCause(ctx)
	var beat sync.WaitGroup
	beat.Go(func() { m.beat(running, stop) })
	err := safely(func() error { return m.run(running) })()
	if running.Err() != nil {
		err = context.Cause(running)
	}
	stop(nil)
	beat.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), m.pace.lease)
	defer cancel()
	return m.conclude(ctx, err)
}

// conclude does what is left to do when the work has come to its end or was ended.
func (m *migration) conclude(ctx context.Context, err error) error {
	var failed *failure
	switch {
	case err == nil, errors.Is(err, errLost):
		return nil
	case errors.Is(err, errCancelled):
		err = m.finish(ctx, stateCancelled, "", nothing)
	case errors.As(err, &failed):
		err = m.fail(ctx, failed)
	case errors.Is(err, context.Canceled), errs.KindOf(err) == errs.Unavailable:
		return errors.Join(err, m.release(ctx))
	default:
		m.log.ErrorContext(ctx, "storage migration", "job", m.job.ID, "error", err)
		err = m.fail(ctx, &failure{stageSwitch, unexpected})
	}
	if errors.Is(err, errCancelled) { // that was faster
		err = m.finish(ctx, stateCancelled, "", nothing)
	}
	if errors.Is(err, errLost) {
		return nil
	}
	return err
}

// run does what the state asks for. What an earlier run has done is there as receipts, so it begins at the beginning.
func (m *migration) run(ctx context.Context) error {
	switch m.job.State {
	case stateCancelling:
		return errCancelled
	case stateCleaning:
		return m.clean(ctx)
	}
	if err := m.afresh(ctx); err != nil {
		return err
	}
	for round := 1; round <= m.pace.rounds; round++ {
		switched, err := m.round(ctx, round)
		if err != nil {
			return err
		}
		if switched {
			return m.clean(ctx)
		}
	}
	return &failure{stageSwitch, "Objects were written faster than they could be copied; try again when there is less to do"}
}

// few is how many objects and bytes are few enough to let writes wait for them.
const (
	few      = 64
	fewBytes = 16 << 20
)

// round copies and verifies what there is to copy, and switches where little has come up meanwhile.
func (m *migration) round(ctx context.Context, number int) (switched bool, err error) {
	for _, step := range []struct {
		state string
		run   func(context.Context) (bool, error)
	}{{stateCopying, m.copy}, {stateVerifying, m.verify}} {
		if err := m.become(ctx, step.state, nothing); err != nil {
			return false, err
		}
		m.reached(ctx, step.state)
		fine, err := step.run(ctx)
		if err == nil && !fine {
			err = m.failed()
		}
		if err != nil {
			return false, err
		}
	}
	m.reached(ctx, "verified")
	n, bytes, err := m.left(ctx)
	if err != nil || (n > few || bytes > fewBytes) && number < m.pace.rounds/2 {
		return false, err
	}
	fine, err := m.switchOver(ctx)
	switch {
	case errors.Is(err, errLate), errors.Is(err, errLeft):
		return false, m.thaw(ctx)
	case err == nil && !fine:
		err = m.failed()
	}
	return err == nil, err
}

// failed is how a migration ends whose objects could not all be moved.
func (m *migration) failed() error {
	if m.hopeless() {
		return &failure{stageWrite, fmt.Sprintf("Given up after %d failures in a row", maxMisses)}
	}
	return &failure{}
}

// afresh forgets what went wrong in an earlier run of the same migration: all of it is tried again.
func (m *migration) afresh(ctx context.Context) error {
	return m.feed.Write(ctx, topic, stateKey, m.holding(func(tx *gorm.DB) error {
		return errors.Join(thawed(tx), tx.Where("job_id = ?", m.job.ID).Delete(&JobError{}).Error)
	}))
}

// reached is where tests look on.
func (m *migration) reached(ctx context.Context, point string) {
	if m.hook != nil {
		m.hook(ctx, point)
	}
}

// release lets another process go on at once.
func (m *migration) release(ctx context.Context) error {
	return m.feed.Write(ctx, topic, m.job.ID, func(tx *gorm.DB) error {
		released := tx.Model(&Job{}).Where("id = ? AND running = 1 AND lease_owner = ?", m.job.ID, m.owner).
			Updates(map[string]any{"lease_owner": nil, "lease_until": nil})
		if released.Error != nil || released.RowsAffected == 0 {
			return released.Error
		}
		return m.ground(tx)
	})
}
