package docservice

import (
	"context"
	"errors"
	"sync"

	"gorm.io/gorm"

	"portico.internal/platform/database"
)

// classifySlots is how many documents are classified at once without being asked for.
const classifySlots = 2

// classifier classifies documents once they have been read, oldest first, where there is an AI and there are categories.
// Each is tried once: when that fails it stays as it is, and a person can ask again.
type classifier struct {
	*Service
	*loop
	slots chan struct{}
	busy  sync.WaitGroup
}

func startClassifier(ctx context.Context, s *Service) *classifier {
	c := &classifier{Service: s, slots: make(chan struct{}, classifySlots)}
	c.loop = startLoop(ctx, s.log, "classifying documents is interrupted", 0, c.next)
	return c
}

// next begins with the document that has waited longest, when there is room.
func (c *classifier) next(ctx context.Context) (more bool, err error) {
	select {
	case c.slots <- struct{}{}:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	id, wanted, err := c.claim(ctx)
	if err != nil || id == "" || !wanted {
		<-c.slots
		return err == nil && id != "", err
	}
	c.busy.Go(func() {
		defer func() { <-c.slots }()
		c.attempt(ctx, id)
	})
	return true, nil
}

// claim returns the document that has waited longest, which does not wait any more then, and nothing when none waits;
// wanted says that the settings let it be classified unasked. It fails while the gateway has not told whether there is an
// AI. Without a gateway all wait for a start with one.
func (c *classifier) claim(ctx context.Context) (id string, wanted bool, err error) {
	if !c.gateway.exists() {
		return "", false, nil
	}
	var ids []string
	err = c.db.WithContext(ctx).Model(&document{}).Where("unclassified").Order("created_at, id").Limit(1).Pluck("id", &ids).Error
	if err != nil || len(ids) == 0 {
		return "", false, err
	}
	settings, err := c.settings.read(ctx)
	if err != nil {
		return "", false, err
	}
	if _, err := c.gateway.ai.get(ctx); err != nil && settings.AutoClassify {
		return "", false, err
	}
	return ids[0], settings.AutoClassify, c.mark(ctx, ids[0], false)
}

// mark says whether a document waits.
func (c *classifier) mark(ctx context.Context, id string, waits bool) error {
	return database.Write(ctx, c.db, func(tx *gorm.DB) error {
		return tx.Model(&document{}).Where("id = ?", id).UpdateColumn("unclassified", waits).Error
	})
}

func (c *classifier) attempt(ctx context.Context, id string) {
	_, err := c.classify(ctx, itself, id)
	switch {
	case err == nil, errors.Is(err, errNoAI), errors.Is(err, errNoCategories), errors.Is(err, errNotReady), errors.Is(err, errNoDocument):
		return
	case ctx.Err() != nil: // stopping is not the AI's fault: it waits for the next start
		err = c.mark(context.WithoutCancel(ctx), id, true)
	}
	if err != nil {
		c.log.WarnContext(ctx, "document is not classified", "document_id", id, "error", err)
	}
}

// stop ends the loop and all that it has begun. When ctx ends first, stop returns its error.
func (c *classifier) stop(ctx context.Context) error {
	if err := c.loop.stop(ctx); err != nil {
		return err
	}
	ended := make(chan struct{})
	go func() { defer close(ended); c.busy.Wait() }()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
