package storage

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
)

// copy makes a copy of each object of the source that has none yet. It reports whether all could be copied.
func (m *migration) copy(ctx context.Context) (bool, error) {
	return m.pass(ctx, m.reserve, m.carry, m.landed)
}

// pass takes all objects that next returns, in the order of their keys, to their end. It reports whether all have come to
// a good one.
func (m *migration) pass(ctx context.Context, next func(ctx context.Context, after string) ([]*flight, error),
	do func(context.Context, *flight) *flight, commit func(context.Context, []*flight) error) (bool, error) {
	if err := errors.Join(measure(m.db.WithContext(ctx)), m.census(ctx)); err != nil {
		return false, err
	}
	before, after := m.counts.failed.Load(), ""
	m.misses.Store(0)
	err := stream(ctx, func(ctx context.Context) ([]*flight, error) {
		if m.hopeless() {
			return nil, nil
		}
		flights, err := next(ctx, after)
		if len(flights) > 0 {
			after = flights[len(flights)-1].Key
		}
		return flights, err
	}, do, commit)
	return m.counts.failed.Load() == before && !m.hopeless(), err
}

// measure has the database count its tables, as PostgreSQL does by itself within a minute: until then it takes them for
// small ones, and reads all receipts for each object of a page.
func measure(db *gorm.DB) error {
	if !database.IsPostgres(db) {
		return nil
	}
	return db.Exec("ANALYZE storage_objects, storage_receipts").Error
}

// census counts what lies at the source, and what of it lies at the target too. In the state verifying only what has been
// read back is done.
func (m *migration) census(ctx context.Context) error {
	var n struct{ Total, BytesTotal, Copied, BytesCopied, Verified, BytesVerified int64 }
	err := m.db.WithContext(ctx).Raw(`SELECT COUNT(*) AS total, COALESCE(SUM(o.size), 0) AS bytes_total,
		COUNT(r.version) AS copied, COALESCE(SUM(CASE WHEN r.version IS NOT NULL THEN o.size END), 0) AS bytes_copied,
		COUNT(r.verified_by) AS verified, COALESCE(SUM(CASE WHEN r.verified_by IS NOT NULL THEN o.size END), 0) AS bytes_verified
		FROM storage_objects AS o
		LEFT JOIN (SELECT version, CASE WHEN verified_by = ? THEN 1 END AS verified_by FROM storage_receipts WHERE backend_id = ?) AS r
		ON r.version = o.version WHERE o.backend_id = ?`, m.job.ID, m.job.TargetID, m.job.SourceID).Scan(&n).Error
	if err != nil {
		return err
	}
	if m.job.State == stateVerifying {
		n.Copied, n.BytesCopied = n.Verified, n.BytesVerified
	}
	m.counts.total.Store(n.Total)
	m.counts.bytesTotal.Store(n.BytesTotal)
	m.counts.done.Store(n.Copied)
	m.counts.bytesDone.Store(n.BytesCopied)
	return nil
}

// uncopied asks for the next objects without a copy.
func (m *migration) uncopied(db *gorm.DB, after string) *gorm.DB {
	return db.Model(&Object{}).Where("backend_id = ? AND key > ?", m.job.SourceID, after).
		Where("NOT EXISTS (SELECT 1 FROM storage_receipts AS r WHERE r.backend_id = ? AND r.version = storage_objects.version)", m.job.TargetID).
		Order("key").Limit(page)
}

// reserve returns the next objects without a copy, each with a name at the target that nobody has had before: what a
// writer of long ago, or one that was held up, may still do to its name hits nothing else.
func (m *migration) reserve(ctx context.Context, after string) ([]*flight, error) {
	source, target, err := m.ends(ctx)
	if err != nil {
		return nil, err
	}
	var objects []Object
	err = m.uncopied(m.db.WithContext(ctx), after).Find(&objects).Error
	if err != nil || len(objects) == 0 {
		return nil, err
	}
	flights := make([]*flight, len(objects))
	for i, o := range objects {
		flights[i] = &flight{Object: o, source: source, target: target}
	}
	if err := m.look(ctx, flights); err != nil {
		return nil, unusable(ctx, err)
	}
	wishes := make([]wish, len(flights))
	for i, f := range flights {
		wishes[i] = wish{f.Key, uuid.NewString(), f.taken}
	}
	err = m.write(ctx, func(tx *gorm.DB) error {
		names, err := chooseNames(tx, m.job.TargetID, wishes)
		if err != nil {
			return err
		}
		uploads := make([]Upload, len(flights))
		for i, f := range flights {
			f.name = names[i]
			uploads[i] = m.upload(tx, f)
		}
		return tx.Create(&uploads).Error
	})
	for _, f := range flights {
		m.fly(f.name, false)
	}
	return flights, err
}

func (m *migration) upload(tx *gorm.DB, f *flight) Upload {
	return Upload{BackendID: m.job.TargetID, Name: f.name, Version: f.Version, LeaseUntil: tx.NowFunc().Add(uploadLease)}
}

// look finds out which of the keys lie at the target as files of somebody else, where a write would not find out.
func (m *migration) look(ctx context.Context, flights []*flight) error {
	if m.exclusive == nil {
		var exclusive bool
		err := patiently(ctx, m.pace.retry, func() (err error) {
			exclusive, err = refusesTaken(ctx, flights[0].target)
			return err
		})
		if err != nil {
			return err
		}
		m.exclusive = &exclusive
	}
	if *m.exclusive {
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, f := range flights {
		group.Go(func() error {
			return patiently(ctx, m.pace.retry, func() (err error) {
				f.taken, err = takenAt(ctx, f.target, f.Key)
				return err
			})
		})
	}
	return group.Wait()
}

// refusesTaken tells whether a backend refuses to write what is there already. Not every service that speaks S3 does.
func refusesTaken(ctx context.Context, b blobs) (refuses bool, err error) {
	name := probeName()
	defer func() { err = errors.Join(err, b.remove(context.WithoutCancel(ctx), name)) }()
	for range 2 {
		if _, err = b.write(ctx, name, "text/plain", strings.NewReader(name)); err != nil {
			break
		}
	}
	if errors.Is(err, errTaken) {
		return true, nil
	}
	return false, err
}

// carry copies one object and counts its bytes as they pass.
func (m *migration) carry(ctx context.Context, f *flight) *flight {
	if m.hopeless() {
		f.err = errHopeless
		return f
	}
	if f.target.kind != kindLocal { // which takes memory for each
		weight := min(f.Size, partSize)
		if m.memory.Acquire(ctx, weight) != nil {
			return f
		}
		defer m.memory.Release(weight)
	}
	m.fly(f.name, true)
	m.persist(ctx, f, func() (string, error) { return m.carryOnce(ctx, f) }, func() error { return m.rename(ctx, f) })
	return f
}

func (m *migration) carryOnce(ctx context.Context, f *flight) (stage string, err error) {
	content, err := f.source.open(ctx, f.Name, 0, -1)
	if err != nil {
		return stageRead, err
	}
	defer content.Close()
	r := &counter{from: content, to: &m.counts.bytesDone, n: &f.read}
	w, err := f.target.write(ctx, f.name, f.ContentType, r)
	switch {
	case r.err != nil:
		return stageRead, r.err
	case err != nil:
		return stageWrite, err
	case w.sha256 != f.SHA256 || w.size != f.Size:
		return stageRead, errContent
	}
	return "", nil
}

// rename gives a flight that has failed another name at the target: each is written to at most once.
func (m *migration) rename(ctx context.Context, f *flight) error {
	renamed := *f
	renamed.name = opaqueName(uuid.NewString())
	err := m.write(ctx, func(tx *gorm.DB) error {
		fresh := m.upload(tx, &renamed)
		return errors.Join(m.giveUp(tx, f), tx.Create(&fresh).Error)
	})
	if err != nil {
		return err
	}
	m.fly(renamed.name, true)
	m.land(f.name)
	f.name = renamed.name
	return nil
}

// landed stores what came of a batch.
func (m *migration) landed(ctx context.Context, flights []*flight) error {
	var receipts []Receipt
	var names []string
	var lost []*flight
	now := m.db.NowFunc()
	for _, f := range flights {
		names = append(names, f.name)
		if f.err != nil {
			lost = append(lost, f)
			continue
		}
		receipts = append(receipts, Receipt{
			BackendID: m.job.TargetID, Version: f.Version, Name: f.name, SourceID: f.BackendID, SourceName: f.Name,
			Size: f.Size, SHA256: f.SHA256, CopiedAt: now,
		})
	}
	err := m.write(ctx, func(tx *gorm.DB) error {
		done := tx.Where("backend_id = ? AND name IN ?", m.job.TargetID, names).Delete(&Upload{})
		switch {
		case done.Error != nil:
			return done.Error
		case done.RowsAffected != int64(len(names)):
			return errLost // this process was held up for so long that its names were swept
		}
		if len(receipts) > 0 {
			if err := tx.Create(&receipts).Error; err != nil {
				return err
			}
		}
		for _, f := range lost {
			if err := m.giveUp(tx, f); err != nil {
				return err
			}
		}
		return m.complain(tx, lost)
	})
	if err != nil {
		return err
	}
	m.land(names...)
	m.counts.done.Add(int64(len(receipts)))
	return m.recount(ctx, lost)
}

// left counts what has no verified copy yet.
func (m *migration) left(ctx context.Context) (objects, bytes int64, err error) {
	var n struct{ Objects, Bytes int64 }
	err = m.db.WithContext(ctx).Raw(`SELECT COUNT(*) AS objects, COALESCE(SUM(o.size), 0) AS bytes FROM storage_objects AS o
		WHERE o.backend_id = ? AND NOT EXISTS (SELECT 1 FROM storage_receipts AS r
		WHERE r.backend_id = ? AND r.version = o.version AND r.verified_by = ?)`, m.job.SourceID, m.job.TargetID, m.job.ID).Scan(&n).Error
	return n.Objects, n.Bytes, err
}

// ends are the two places, open. What somebody has to remedy first ends the migration.
func (m *migration) ends(ctx context.Context) (source, target *backend, err error) {
	if source, err = m.backends.get(ctx, m.job.SourceID); err != nil {
		return nil, nil, closed(stageRead, err)
	}
	if target, err = m.backends.get(ctx, m.job.TargetID); err != nil {
		return nil, nil, closed(stageWrite, err)
	}
	return source, target, nil
}

// unusable ends the migration when the target cannot even be looked at.
func unusable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return &failure{stageWrite, told(err)}
}

func closed(stage string, err error) error {
	if errs.KindOf(err) == errs.Unavailable && !passing(err) {
		return &failure{stage, reason(err)}
	}
	return err
}
