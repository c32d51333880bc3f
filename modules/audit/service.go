package audit

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"portico.internal/platform/audit"
)

type service struct{ db *gorm.DB }

var _ audit.Keeper = (*service)(nil)

func newService(db *gorm.DB) *service { return &service{db} }

// Keep stores entries in their order, with one statement.
func (s *service) Keep(tx *gorm.DB, entries []audit.Entry) error {
	rows, ids := make([]Entry, len(entries)), make([]string, len(entries))
	for i, e := range entries {
		rows[i], ids[i] = rowOf(e), newID(e.At)
	}
	slices.Sort(ids)
	for i := range rows {
		rows[i].ID = ids[i]
	}
	return tx.Create(&rows).Error
}

func rowOf(e audit.Entry) Entry {
	row := Entry{
		At: e.At, ActorKind: e.Actor.Kind, ActorID: some(e.Actor.ID), ActorName: some(e.Actor.Name),
		Action: e.Event.Action, TargetType: some(e.Event.Target.Type), TargetID: some(e.Event.Target.ID), TargetName: some(e.Event.Target.Name),
		Outcome: success, Changes: some(e.Changes), Address: some(e.Address), RequestID: some(e.RequestID),
	}
	if e.Event.Failure != "" {
		row.Outcome, row.Reason = failure, &e.Event.Failure
	}
	return row
}

func some(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// where narrows entries to those that the filter names.
func (f *filter) where(entries *gorm.DB) *gorm.DB {
	switch {
	case f.Actor == "":
	case uuid.Validate(f.Actor) == nil:
		entries = entries.Where("actor_id = ?", strings.ToLower(f.Actor))
	default:
		entries = entries.Where("actor_name = ?", f.Actor)
	}
	switch {
	case f.Action == "":
	case strings.Contains(f.Action, "."):
		entries = entries.Where("action = ?", f.Action)
	default: // all that begins with the word and a dot, after which comes the slash
		entries = entries.Where("action >= ? AND action < ?", f.Action+".", f.Action+"/")
	}
	if f.Outcome != "" { // no parameter, so that the index of failures is seen to fit
		entries = entries.Where("outcome = '" + map[bool]string{true: failure, false: success}[f.Outcome == failure] + "'")
	}
	for _, exact := range []struct{ column, value string }{
		{"target_type", f.TargetType}, {"target_id", f.TargetID}, {"address", f.Address}, {"request_id", f.RequestID},
	} {
		if exact.value != "" {
			entries = entries.Where(exact.column+" = ?", exact.value)
		}
	}
	if !f.since.IsZero() {
		entries = entries.Where("id >= ?", firstID(f.since.Add(time.Microsecond-1)))
	}
	if !f.until.IsZero() {
		entries = entries.Where("id < ?", firstID(f.until.Add(time.Microsecond-1)))
	}
	return entries
}

// newest reads entries, those before the one with the id where it is not empty. Their ids are found first, so that what is
// sorted is short.
func (s *service) newest(ctx context.Context, f *filter, before string, limit int) (rows []Entry, err error) {
	db := s.db.WithContext(ctx)
	page := f.where(db.Model(&Entry{})).Select("id").Order("id DESC").Limit(limit)
	if before != "" {
		page = page.Where("id < ?", before)
	}
	err = db.Where("id IN (?)", page).Order("id DESC").Find(&rows).Error
	return rows, err
}

// list returns a page, and how many entries match on all pages. These are counted only where the page does not tell.
func (s *service) list(ctx context.Context, f *filter, before string, limit int) (rows []Entry, total int64, err error) {
	if rows, err = s.newest(ctx, f, before, limit); err != nil || before == "" && len(rows) < limit {
		return rows, int64(len(rows)), err
	}
	err = f.where(s.db.WithContext(ctx).Model(&Entry{})).Count(&total).Error
	return rows, total, err
}

// piece is how many entries an export reads at once.
const piece = 500

// each gives the entries to take, the newest first, in pieces: no connection waits for a slow reader.
func (s *service) each(ctx context.Context, f *filter, take func(*Entry) error) error {
	for before := ""; ; {
		rows, err := s.newest(ctx, f, before, piece)
		if err != nil {
			return err
		}
		for i := range rows {
			if err := take(&rows[i]); err != nil {
				return err
			}
		}
		if len(rows) < piece {
			return nil
		}
		before = rows[len(rows)-1].ID
	}
}
