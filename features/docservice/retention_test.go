package docservice

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// aged makes a document that was uploaded so long ago.
func (f *fixture) aged(name string, age time.Duration) Document {
	d := f.add(ann, name, pdfOf(1, ""))
	require.NoError(f.t, f.db.Model(&document{}).Where("id = ?", d.ID).UpdateColumn("created_at", f.db.NowFunc().Add(-age)).Error)
	return d
}

// there are the file names of the documents that are left, newest first.
func (f *fixture) there() (names []string) {
	for _, d := range decode[[]Document](f.call(root, "GET", "/documents", "").is(200)) {
		names = append(names, d.Filename)
	}
	return names
}

const day = 24 * time.Hour

func TestRetention(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		log := &syncBuffer{}
		f.close()
		f.config.Logger = slog.New(slog.NewTextHandler(log, nil))
		f.open()
		c := f.category("Alpha")
		old, young := f.aged("old.pdf", 7*day+time.Minute), f.aged("young.pdf", 7*day-time.Hour)
		f.call(ann, "POST", "/documents/"+old.ID+"/categories/"+c.ID, "").is(201)
		f.call(ann, "PATCH", "/documents/"+old.ID, `{"shared_group_ids":["g-blue"]}`).is(200)
		require.NoError(t, f.sweep(t.Context()))
		require.Equal(t, []string{"young.pdf", "old.pdf"}, f.there(), "without a limit all stay")

		f.set(`{"retention_days":8}`).is(200)
		require.NoError(t, f.sweep(t.Context()))
		require.Len(t, f.there(), 2)
		f.set(`{"retention_days":7}`).is(200)
		f.sweeper.notify()
		require.Eventually(t, func() bool { return len(f.there()) == 1 }, 20*time.Second, time.Millisecond)
		require.Equal(t, []string{"young.pdf"}, f.there())
		f.call(ann, "GET", "/documents/"+old.ID, "").is(404)
		require.Eventually(t, func() bool { return len(f.content()) == 1 }, 20*time.Second, time.Millisecond, "the file goes, too")
		require.Contains(t, f.content(), young.ID+".pdf")
		for _, table := range []any{&share{}, &assignment{}} {
			var left int64
			require.NoError(t, f.db.Model(table).Count(&left).Error)
			require.Zero(t, left)
		}
		require.Eventually(t, func() bool { return strings.Contains(log.String(), `msg="old documents deleted" documents=1`) }, 20*time.Second, time.Millisecond)

		f.set(`{"retention_days":null}`).is(200)
		f.aged("kept.pdf", 40000*day)
		f.close()
		f.open()
		require.NoError(t, f.sweep(t.Context()))
		require.Len(t, f.there(), 2)
		f.set(`{"retention_days":36500}`).is(200)
		f.close()
		f.open() // sweeps at its start
		require.Eventually(t, func() bool { return len(f.there()) == 1 }, 20*time.Second, time.Millisecond)
	})
}

// Many go in one sweep, batch by batch; one that cannot be deleted holds up none of them, and goes when it can.
func TestRetentionOfMany(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		log := &syncBuffer{}
		f.close()
		f.config.Logger = slog.New(slog.NewTextHandler(log, nil))
		f.open()
		stuck := f.aged("stuck.pdf", 3*day)
		var rows []document
		for i := range 2*sweepBatch + 1 {
			rows = append(rows, document{ID: fmt.Sprintf("%08x-0000-4000-8000-000000000000", i), OwnerID: ann.id, Title: "x", Filename: "x.pdf",
				SHA256: stuckSum, Status: statusReady, CreatedAt: f.db.NowFunc().Add(-3 * day)})
		}
		require.NoError(t, f.db.CreateInBatches(rows, 50).Error)
		f.aged("young.pdf", day)
		blocker := f.files.stagingPath(stuck.ID)
		require.NoError(t, os.Mkdir(blocker, 0o700)) // where its file would have to go
		f.set(`{"retention_days":2}`).is(200)
		require.NoError(t, f.sweep(t.Context()))
		require.Equal(t, []string{"young.pdf", "stuck.pdf"}, f.there())
		require.Contains(t, log.String(), `msg="old documents cannot be deleted" documents=1`)
		f.call(ann, "GET", "/documents/"+stuck.ID+"/content", "").is(200)
		require.NoError(t, os.Remove(blocker))
		require.NoError(t, f.sweep(t.Context()))
		require.Equal(t, []string{"young.pdf"}, f.there())
	})
}

const stuckSum = "0000000000000000000000000000000000000000000000000000000000000000"

// Settings that cannot be read delete nothing.
func TestRetentionFailsClosed(t *testing.T) {
	f := start(t, Config{})
	f.aged("old.pdf", 400*day)
	for _, unreadable := range []string{`{"retention_days":"1"}`, `{"retention_days":1`, `[]`} {
		require.NoError(t, f.db.Model(&settingsRow{}).Where("id = 1").UpdateColumn("value", unreadable).Error)
		require.Error(t, f.sweep(t.Context()))
	}
	require.Len(t, f.there(), 1)
}

// A loop works again each time a while has passed.
func TestLoopComesBack(t *testing.T) {
	worked := make(chan struct{}, 100)
	l := startLoop(t.Context(), discard, "", time.Millisecond, func(ctx context.Context) (bool, error) {
		select {
		case worked <- struct{}{}:
		case <-ctx.Done():
		}
		return false, nil
	})
	for range 10 {
		<-worked
	}
	require.NoError(t, l.stop(t.Context()))
	require.Equal(t, time.Hour, sweepEvery)
}
