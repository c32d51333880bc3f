package docservice

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// The key reaches the provider and nobody else: no reply, no log line at any level, nothing that is stored.
func TestKeyIsSeenNowhere(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, g *fakeGateway, m *fakeAI) {
		f.close()
		log := &syncBuffer{}
		f.config.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})) // without the house's masks
		f.open()
		alpha := f.category("Alpha")
		m.answers(200, `{"categories": [1]}`)
		d := f.add(ann, "a.pdf", pdfOf(1, ""))
		f.idle()
		require.Equal(t, []string{alpha.ID}, f.settled(ann, d.ID).CategoryIDs)
		var replies strings.Builder
		classify := func(status int) {
			f.forget()
			r := f.call(ann, "POST", "/documents/"+d.ID+"/classify", "").is(status)
			fmt.Fprintln(&replies, r.header, r.body)
		}
		classify(200)
		for _, status := range []int{401, 404, 429, 500} {
			m.answers(status, "Incorrect API key provided: "+canary)
			classify(503)
			f.add(ann, "b.pdf", pdfOf(1, "")) // classified unasked, in vain
			f.idle()
		}
		m.answers(200, "No: "+canary)
		classify(503)
		key, err := json.Marshal(canary)
		require.NoError(t, err)
		m.answers(200, fmt.Sprintf(`{"categories": [%s, 1]}`, key))
		classify(200)
		for _, unreadable := range []string{`{"provider":7,"x":%s}`, `{"providers":{"openai_compatible":{"api_key":{"a":%s}}}}`, `%s<html>`} {
			g.set("ai", fmt.Sprintf(unreadable, key))
			classify(200) // as it was before
		}
		m.Close()
		classify(503)

		require.Contains(t, log.String(), "document is not classified")
		for _, where := range map[string]string{"log": log.String(), "replies": replies.String(), "database": f.dump()} {
			require.NotEmpty(t, where)
			require.NotContains(t, where, canaryWord)
			require.NotContains(t, where, gatewayToken)
		}
	})
}

// forget makes the service ask the gateway again.
func (f *fixture) forget() {
	f.gateway.ai.cache.Invalidate("")
	f.gateway.prompt.cache.Invalidate("")
}

// dump is all that the service stores, as text.
func (f *fixture) dump() string {
	tables, err := f.db.Migrator().GetTables()
	require.NoError(f.t, err)
	require.Contains(f.t, tables, "documents")
	var all strings.Builder
	for _, table := range tables {
		var rows []map[string]any
		require.NoError(f.t, f.db.Table(table).Find(&rows).Error)
		fmt.Fprintln(&all, table, rows)
	}
	return all.String()
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
