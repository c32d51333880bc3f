package storage

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/audit"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

// beginAt is [engine.begin] with a place as clients name it. It fails with errs.Invalid where that is malformed.
func (e *engine) beginAt(ctx context.Context, in placeIn) (*Status, error) {
	to, err := e.backends.parse(in.Backend, in.Config)
	if err != nil {
		return nil, err
	}
	if err := e.backends.keep(ctx, to); err != nil {
		return nil, err
	}
	return e.begin(ctx, to)
}

// begin starts a migration to a place, when that has shown to be usable and another one than the present. It fails with
// errs.BadRequest and the reason when it has not, and with errs.Conflict while a migration runs.
func (e *engine) begin(ctx context.Context, to place) (*Status, error) {
	// One at a time tries a place: the others learn here that one has begun.
	if err := e.starting.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	defer e.starting.Release(1)
	source, err := e.backends.active(ctx)
	if err != nil {
		return nil, err
	}
	// After the source was looked up: one that has just switched is running still.
	other, err := running(e.db.WithContext(ctx))
	if err == nil && other != nil {
		err = errRuns()
	}
	if err != nil {
		return nil, err
	}
	if err := e.preflight(ctx, source, to); err != nil {
		return nil, err
	}
	j := Job{ID: uuid.NewString(), SourceID: source.id, State: stateCopying, Running: new(1), StartedAt: e.db.NowFunc(), UpdatedAt: e.db.NowFunc()}
	if caller := identity.From(ctx); caller != nil {
		j.StartedBy, j.StartedByEmail = &caller.ID, &caller.Email
	}
	err = e.feed.Write(ctx, topic, "", func(tx *gorm.DB) error {
		var state State
		if err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).Where("id = 1").Take(&state).Error; err != nil {
			return err
		}
		if state.BackendID != source.id {
			return errs.New(errs.Conflict, "Another storage has become the active one")
		}
		if j.TargetID, err = e.backends.add(ctx, tx, to); err != nil {
			return err
		}
		if j.TargetID == source.id {
			return errSamePlace()
		}
		if err := tx.Create(&j).Error; err != nil {
			return err
		}
		return e.audit.Record(ctx, tx, audit.Event{Action: "storage.migration_started", Target: j.target(),
			Changes: audit.Diff(map[string]any{"backend": source.kind}, map[string]any{"backend": to.kind, "config": to.spec})})
	})
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		err = errRuns()
	}
	if err != nil {
		return nil, err
	}
	e.log.InfoContext(ctx, "storage migration", "job", j.ID, "actor", actor(ctx), "address", web.ClientAddr(ctx),
		"state", j.State, "from", source.kind, "to", to.kind)
	return e.statusOf(ctx, &j)
}

func errRuns() error { return errs.New(errs.Conflict, "A migration is running already") }

func errSamePlace() error {
	return errs.New(errs.BadRequest, "The files are there already, or one place lies within the other")
}

// preflight tries everything that a migration will do at the target, and makes sure that it is not the source, nor
// within it, nor around it, however either is spelled.
func (e *engine) preflight(ctx context.Context, source *backend, to place) error {
	row, err := e.backends.rows.Get(ctx, source.id)
	if err != nil {
		return err
	}
	from, err := e.backends.stored(row)
	if err != nil {
		return err
	}
	if from.overlaps(to) {
		return errSamePlace()
	}
	target, err := to.open()
	if err != nil {
		return refusal(err)
	}
	defer target.close()
	if err := to.probe(ctx, target); err != nil {
		return refusal(err)
	}
	for _, way := range []struct {
		at, seen    blobs
		from, other place
	}{{target, source, to, from}, {source, target, from, to}} {
		found, err := shows(ctx, way.at, way.from, way.seen)
		if err != nil {
			return refusal(err)
		}
		if found {
			return errSamePlace()
		}
	}
	return nil
}

// refusal says why a place cannot be used.
func refusal(err error) error {
	if errs.KindOf(err) == errs.Unavailable {
		return errs.Wrap(errs.BadRequest, reason(err), err)
	}
	return err
}

// shows tells whether what is written at one backend is to be seen at another: under its own name, or below the last
// words of the place.
func shows(ctx context.Context, at blobs, lies place, other blobs) (found bool, err error) {
	name := probeName()
	if _, err := at.write(ctx, name, "text/plain", strings.NewReader(name)); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, at.remove(context.WithoutCancel(ctx), name)) }()
	words := lies.where()
	for i := len(words); i >= 0; i-- {
		path := strings.Join(append(append([]string{}, words[i:]...), name), "/")
		if i < len(words) && !plainPath(strings.Join(words[i:], "/")) {
			break
		}
		if found, err := holds(ctx, other, path, name); found || err != nil {
			return found, err
		}
	}
	return false, nil
}

// holds tells whether a blob has the content.
func holds(ctx context.Context, b blobs, name, content string) (bool, error) {
	r, err := b.open(ctx, name, 0, -1)
	if errors.Is(err, errGone) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer r.Close()
	found, err := io.ReadAll(io.LimitReader(r, int64(len(content))+1))
	return string(found) == content, err
}
