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
	if f.Action != "" {
		// All that begins with the word and a dot; the character after that is the slash.
		entries = entries.Where("(action = ? OR action >= ? AND action < ?)", f.Action, f.Action+".", f.Action+"/")
	}
	for _, exact := range []struct{ column, value string }{
		{"target_type", f.TargetType}, {"target_id", f.TargetID}, {"outcome", f.Outcome}, {"address", f.Address}, {"request_id", f.RequestID},
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

// newest reads entries, those before the one with the id where it is not empty.
func (s *service) newest(ctx context.Context, f *filter, before string, limit int) *gorm.DB {
	page := f.where(s.db.WithContext(ctx).Model(&Entry{})).Order("id DESC").Limit(limit)
	if before != "" {
		page = page.Where("id < ?", before)
	}
	return page
}

// list returns a page, and how many entries match on all pages.
func (s *service) list(ctx context.Context, f *filter, before string, limit int) (rows []Entry, total int64, err error) {
	var counted []struct {
		Entry `gorm:"embedded"`
		Total int64
	}
	count := f.where(s.db.Model(&Entry{})).Select("COUNT(*)")
	if err := s.newest(ctx, f, before, limit).Select("*, (?) AS total", count).Find(&counted).Error; err != nil {
		return nil, 0, err
	}
	if len(counted) == 0 {
		err = count.WithContext(ctx).Scan(&total).Error
		return nil, total, err
	}
	for _, row := range counted {
		rows = append(rows, row.Entry)
	}
	return rows, counted[0].Total, nil
}

// piece is how many entries an export reads at once.
const piece = 500

// each gives the entries to take, the newest first, in pieces: no connection waits for a slow reader.
func (s *service) each(ctx context.Context, f *filter, take func(*Entry) error) error {
	for before := ""; ; {
		var rows []Entry
		if err := s.newest(ctx, f, before, piece).Find(&rows).Error; err != nil {
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
