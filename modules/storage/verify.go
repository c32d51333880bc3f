package storage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"gorm.io/gorm"
)

// verify reads back every copy that this job has not read yet, all of it, and compares it with what the catalogue says of
// the original. It reports whether all are right. A copy that is not loses its receipt.
func (m *migration) verify(ctx context.Context) (bool, error) {
	return m.pass(ctx, m.copies, m.readBack, m.judged)
}

// unverified asks for the next objects with a copy that this migration has not read back.
func (m *migration) unverified(db *gorm.DB, after string) *gorm.DB {
	return db.Model(&Object{}).Select("storage_objects.*, r.name AS copy").
		Joins("CROSS JOIN storage_receipts AS r"). // SQLite looks at the tables of a cross join in their order
		Where("storage_objects.backend_id = ? AND key > ?", m.job.SourceID, after).
		Where("r.backend_id = ? AND r.version = storage_objects.version", m.job.TargetID).
		Where("r.verified_by IS NULL OR r.verified_by <> ?", m.job.ID).
		Order("key").Limit(page)
}

func (m *migration) copies(ctx context.Context, after string) ([]*flight, error) {
	source, target, err := m.ends(ctx)
	if err != nil {
		return nil, err
	}
	var rows []struct {
		Object
		Copy string
	}
	err = m.unverified(m.db.WithContext(ctx), after).Scan(&rows).Error
	flights := make([]*flight, len(rows))
	for i, row := range rows {
		flights[i] = &flight{Object: row.Object, source: source, target: target, name: row.Copy}
	}
	return flights, err
}

func (m *migration) readBack(ctx context.Context, f *flight) *flight {
	if m.hopeless() {
		f.err = errHopeless
		return f
	}
	m.persist(ctx, f, func() (string, error) {
		return stageVerify, intact(ctx, f.target, f.name, f.Object, func(r io.Reader) io.Reader {
			return &counter{from: r, to: &m.counts.bytesDone, n: &f.read}
		})
	}, func() error { return nil })
	return f
}

// intact reads a blob that should hold the content of an object. It fails with errGone or errContent when it does not.
func intact(ctx context.Context, b *backend, name string, o Object, through func(io.Reader) io.Reader) error {
	r, err := b.open(ctx, name, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, through(r))
	if err != nil {
		return err
	}
	if size != o.Size || hex.EncodeToString(sum.Sum(nil)) != o.SHA256 {
		return errContent
	}
	return nil
}

// judged stores what came of a batch.
func (m *migration) judged(ctx context.Context, flights []*flight) error {
	var good []string
	var bad []*flight
	for _, f := range flights {
		if f.err == nil {
			good = append(good, f.Version)
		} else {
			bad = append(bad, f)
		}
	}
	err := m.write(ctx, func(tx *gorm.DB) error {
		if len(good) > 0 {
			err := tx.Model(&Receipt{}).Where("backend_id = ? AND version IN ?", m.job.TargetID, good).Update("verified_by", m.job.ID).Error
			if err != nil {
				return err
			}
		}
		for _, f := range bad {
			if !errors.Is(f.err, errContent) && !errors.Is(f.err, errGone) {
				continue // it could not be read, which says nothing of the copy
			}
			if err := tx.Where("backend_id = ? AND version = ?", m.job.TargetID, f.Version).Delete(&Receipt{}).Error; err != nil {
				return err
			}
			if err := m.drop(tx, f.name); err != nil {
				return err
			}
		}
		return m.complain(tx, bad)
	})
	if err != nil {
		return err
	}
	m.counts.done.Add(int64(len(good)))
	return m.recount(ctx, bad)
}
