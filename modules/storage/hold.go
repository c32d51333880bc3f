package storage

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/database"
)

// uploadLease is for how long a name is held without a word of its writer, who speaks up four times as often.
const uploadLease = 2 * time.Minute

// hold is a name at a backend that this process has for a blob which no other row names yet: see [Upload].
type hold struct {
	at            *backend
	name, version string

	backends *backends
	ctx      context.Context // ends when the name is lost
	lose     context.CancelCauseFunc
	keeper   sync.WaitGroup
	used     bool // a row names the blob
	others   bool // what has the name is none of ours
}

// errLapsed says that a name was lost: the database could not be reached for as long as the lease, or longer.
var errLapsed = passingTrouble("The upload was given up: it could not be kept alive", nil)

// hold takes a name for a blob with the content of the key. It must be ended.
func (b *backends) hold(ctx context.Context, at *backend, key string) (*hold, error) {
	h := &hold{at: at, version: uuid.NewString(), backends: b}
	taken, err := takenAt(ctx, at, key)
	if err != nil {
		return nil, err
	}
	err = database.Write(ctx, b.db, func(tx *gorm.DB) error {
		names, err := chooseNames(tx, at.id, []wish{{key, h.version, taken}})
		if err != nil {
			return err
		}
		h.name = names[0]
		return tx.Create(&Upload{BackendID: at.id, Name: h.name, Version: h.version, LeaseUntil: tx.NowFunc().Add(uploadLease)}).Error
	})
	if err != nil {
		return nil, err
	}
	h.ctx, h.lose = context.WithCancelCause(ctx)
	h.keeper.Go(h.keep)
	return h, nil
}

// takenAt tells whether something lies at the backend under the name that a blob of the key would have. It is asked
// before the transaction in which the name is chosen: what the gateway itself writes meanwhile, the rows tell.
func takenAt(ctx context.Context, at *backend, key string) (bool, error) {
	if !plainName(key) {
		return false, nil
	}
	return at.exists(ctx, key)
}

// keep extends the lease until the hold ends.
func (h *hold) keep() {
	ticker := time.NewTicker(uploadLease / 4)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-h.ctx.Done():
			return
		case <-ticker.C:
		}
		asked := time.Now()
		extended := h.mine(h.backends.db.WithContext(h.ctx)).Update("lease_until", h.backends.db.NowFunc().Add(uploadLease))
		switch {
		case extended.Error == nil && extended.RowsAffected == 1:
			last = asked
		case extended.Error == nil, time.Since(last) > uploadLease*3/4:
			h.lose(errLapsed)
			return
		}
	}
}

func (h *hold) mine(tx *gorm.DB) *gorm.DB {
	return tx.Model(&Upload{}).Where("backend_id = ? AND name = ? AND version = ?", h.at.id, h.name, h.version)
}

// write writes the blob.
func (h *hold) write(contentType string, r io.Reader) (written, error) {
	w, err := h.at.write(h.ctx, h.name, contentType, r)
	h.others = errors.Is(err, errTaken)
	if err != nil && errors.Is(context.Cause(h.ctx), errLapsed) {
		err = errLapsed
	}
	return w, err
}

// use says in the transaction that names the blob in another row that the hold has done its work.
func (h *hold) use(tx *gorm.DB) error {
	deleted := h.mine(tx).Delete(&Upload{})
	if deleted.Error == nil && deleted.RowsAffected == 0 {
		return errLapsed
	}
	return deleted.Error
}

// endTimeout bounds what is done for a request that is over.
const endTimeout = 5 * time.Second

// end gives the name back. A blob that no row names becomes trash.
func (h *hold) end() {
	h.lose(nil)
	h.keeper.Wait()
	if h.used {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.ctx), endTimeout)
	defer cancel()
	// Where this fails, the lease runs out and the sweeper does it.
	_ = database.Write(ctx, h.backends.db, func(tx *gorm.DB) error {
		if h.others {
			return h.mine(tx).Delete(&Upload{}).Error
		}
		return expire(tx, h.mine(tx))
	})
	h.backends.sweepSoon()
}

// expire makes trash of an upload, unless a row has come to name its blob.
func expire(tx *gorm.DB, upload *gorm.DB) error {
	var rows []Upload
	if err := upload.Clauses(clause.Returning{}).Delete(&rows).Error; err != nil || len(rows) == 0 {
		return err
	}
	return discard(tx, Trash{BackendID: rows[0].BackendID, Name: rows[0].Name, DueAt: tx.NowFunc(), Unfinished: true})
}
