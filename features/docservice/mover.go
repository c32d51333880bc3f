package docservice

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"time"

	"gorm.io/gorm"

	"portico.internal/platform/errs"
)

const (
	moveEvery = time.Minute // while the gateway has objects, and with what is left to do
	moveAgain = time.Hour   // with a document that could not be moved
)

// mover removes objects that belong to no document, and moves documents from the folder to the gateway's objects: one at a
// time, and with as long a pause after each as it has taken. Of rows whose file is not in this folder it leaves its hands.
type mover struct {
	*Service
	*loop

	ended  bool                 // there is nothing in the folder any more
	begun  bool                 // moving has been logged
	moved  int                  // since then
	queue  []document           // to be moved next
	last   string               // id of the last document that was queued in this round
	absent int                  // documents of this round whose file is not here
	failed map[string]time.Time // when documents may be tried again
	held   bool                 // by a storage that does not answer, which has been logged
}

func startMover(ctx context.Context, s *Service) *mover {
	m := &mover{Service: s, failed: map[string]time.Time{}}
	m.loop = startLoop(ctx, s.log, "keeping documents in the gateway's storage is interrupted", moveEvery, m.step)
	return m
}

func (m *mover) step(ctx context.Context) (more bool, err error) {
	chosen, err := m.objects.isChosen(ctx)
	if err != nil || !chosen {
		return false, m.hold(ctx, err)
	}
	if more, err = m.removeLoose(ctx); err == nil && !more && !m.ended {
		more, err = m.next(ctx)
	}
	return more, m.hold(ctx, err)
}

// hold lets a storage that does not answer have its time: it is asked again in the next round.
func (m *mover) hold(ctx context.Context, err error) error {
	if !errors.Is(err, errNoStorage) {
		m.held = m.held && err != nil
		return err
	}
	if !m.held {
		m.log.WarnContext(ctx, "the gateway's storage does not answer; what is to be moved or removed there waits", "error", err)
	}
	m.held = true
	return nil
}

// next moves the next document of this round.
func (m *mover) next(ctx context.Context) (more bool, err error) {
	if len(m.queue) == 0 {
		if more, err := m.fill(ctx); err != nil || !more {
			return false, err
		}
	}
	for len(m.queue) > 0 && time.Now().Before(m.failed[m.queue[0].ID]) {
		m.queue = m.queue[1:]
	}
	if len(m.queue) == 0 {
		return true, nil
	}
	if err := m.begin(ctx); err != nil {
		return false, err
	}
	d, start := &m.queue[0], time.Now()
	err = m.move(ctx, d)
	switch {
	case err == nil:
		m.moved++
	case ctx.Err() != nil || blameless(err):
		return false, err
	case errs.KindOf(err) == errs.NotFound: // deleted meanwhile
	case errors.Is(err, os.ErrNotExist):
		m.absent++
		m.failed[d.ID] = time.Now().Add(moveAgain)
	default:
		m.failed[d.ID] = time.Now().Add(moveAgain)
		m.log.WarnContext(ctx, "a document cannot be moved to the gateway's storage and stays where it is", "document_id", d.ID, "error", err)
	}
	m.queue = m.queue[1:]
	select {
	case <-ctx.Done():
	case <-time.After(time.Since(start)):
	}
	return true, nil
}

// blameless tells a failure that any other document would meet, too.
func blameless(err error) bool {
	return errs.KindOf(err) == errs.Unavailable && !errors.Is(err, errObjectRefused) && !errors.Is(err, errObjectDiffers)
}

// fill queues documents that are in the folder, and returns whether there were any more in this round.
func (m *mover) fill(ctx context.Context) (more bool, err error) {
	err = m.db.WithContext(ctx).Where("stored = ? AND id > ?", inFolder, m.last).Order("id").Limit(sweepBatch).Find(&m.queue).Error
	if err != nil {
		return false, err
	}
	if len(m.queue) == 0 {
		return false, m.endRound(ctx)
	}
	m.last = m.queue[len(m.queue)-1].ID
	return true, nil
}

func (m *mover) left(ctx context.Context) (count int64, err error) {
	err = m.db.WithContext(ctx).Model(&document{}).Where("stored = ?", inFolder).Count(&count).Error
	return count, err
}

func (m *mover) begin(ctx context.Context) error {
	if m.begun {
		return nil
	}
	left, err := m.left(ctx)
	if err != nil {
		return err
	}
	m.log.InfoContext(ctx, "moving documents from the folder to the gateway's storage", "documents", left)
	m.begun, m.moved, m.absent = true, 0, 0
	return nil
}

// endRound is called when all documents in the folder have been looked at.
func (m *mover) endRound(ctx context.Context) error {
	left, err := m.left(ctx)
	if err != nil {
		return err
	}
	if m.begun {
		m.log.InfoContext(ctx, "documents have been moved from the folder to the gateway's storage", "documents", m.moved, "left", left)
	}
	if m.absent > 0 {
		m.log.WarnContext(ctx, "documents are in the folder of another process, or lost", "documents", m.absent)
	}
	m.last, m.begun, m.absent, m.ended = "", false, 0, left == 0
	return nil
}

// move moves one document. It can be read at every moment: from its file until the row names the object. The file is among
// the staged meanwhile, so that whatever ends this process, the next start knows what to do with it.
func (m *mover) move(ctx context.Context, d *document) error {
	if err := m.files.unplace(d.ID); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	file, err := m.files.open(d.ID)
	if errors.Is(err, os.ErrNotExist) {
		if _, gone := m.again(ctx, d.ID); gone != nil {
			return gone
		}
	}
	if err != nil {
		return err
	}
	defer file.Close()
	if err := whole(file, d); err != nil {
		return m.undecided(ctx, d.ID, err)
	}
	err = m.store(ctx, d, file, func(tx *gorm.DB) error {
		update := tx.Model(&document{}).Where("id = ? AND stored = ?", d.ID, inFolder).UpdateColumn("stored", inObjects)
		if update.Error == nil && update.RowsAffected == 0 {
			return errNoDocument
		}
		return update.Error
	})
	if err != nil {
		return m.undecided(ctx, d.ID, err)
	}
	if err := m.files.remove(d.ID); err != nil {
		m.log.WarnContext(ctx, "file stays staged until the next start", "document_id", d.ID, "error", err)
	}
	return nil
}

// whole fails where a file is not what its document holds: a storage that refuses it would seem to be at fault.
func whole(file *os.File, d *document) error {
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return diskError(err)
	}
	if hex.EncodeToString(hash.Sum(nil)) != d.SHA256 {
		return errors.New("the file is damaged: it has another SHA-256 than the document")
	}
	_, err := file.Seek(0, io.SeekStart)
	return err
}
