package docservice

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/feature"
)

// inCategories waits until the document has that many categories.
func (f *fixture) inCategories(id string, n int) {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return len(f.settled(ann, id).CategoryIDs) == n }, 20*time.Second, time.Millisecond)
}

func TestClassifiedOnceRead(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, _ *fakeGateway, m *fakeAI) {
		f.category("Alpha")
		m.answers(200, `{"categories": [1]}`)
		d := f.add(ann, "a.pdf", pdfOf(1, ""))
		f.inCategories(d.ID, 1)
		failed := f.add(ann, "b.pdf", []byte("%PDF-1.7 nothing"))
		require.Equal(t, "failed", failed.Status)
		f.idle()
		require.Len(t, m.calls(), 1, "each that is ready, once")
		require.Equal(t, d.UpdatedAt, f.settled(ann, d.ID).UpdatedAt)
	})
}

// Where there is no AI, or nothing to choose from, nobody is asked and nothing goes wrong; what was read then is not
// taken up later.
func TestNotClassified(t *testing.T) {
	g, m := newFakeGateway(t), newFakeAI(t)
	log := &syncBuffer{}
	f := start(t, Config{Gateway: g.at(), Logger: slog.New(slog.NewTextHandler(log, nil))})
	f.category("Alpha")
	d := f.add(ann, "a.pdf", pdfOf(1, ""))
	f.idle()
	g.use(m)
	f.forget()
	f.classifier.notify()
	f.idle()
	require.Empty(t, m.calls())
	require.Empty(t, f.settled(ann, d.ID).CategoryIDs)
	require.NotContains(t, log.String(), "level=WARN")
}

// An AI that fails is told of once for each document and not asked again; the documents are as good.
func TestClassifyingFails(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, _ *fakeGateway, m *fakeAI) {
		f.close()
		log := &syncBuffer{}
		f.config.Logger = slog.New(slog.NewTextHandler(log, nil))
		f.open()
		f.category("Alpha")
		m.answers(500, "overloaded")
		for n := range 3 {
			d := f.add(ann, "a.pdf", pdfOf(1, ""))
			require.Equal(t, "ready", d.Status)
			f.idle()
			require.Len(t, m.calls(), n+1)
			require.Equal(t, d, f.settled(ann, d.ID))
		}
		require.Equal(t, 3, strings.Count(log.String(), "document is not classified"))
		f.close()
		f.open()
		f.idle()
		require.Len(t, m.calls(), 3)
	})
}

// While the AI thinks about some documents, others are read; it is never asked about more than two unasked.
func TestClassifyingHoldsNothingUp(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, _ *fakeGateway, m *fakeAI) {
		f.category("Alpha")
		m.answers(200, `{"categories": [1]}`)
		release := m.hold()
		defer release()
		var all []string
		for range 3 * classifySlots {
			d := f.add(ann, "a.pdf", pdfOf(1, ""))
			require.Equal(t, "ready", d.Status)
			all = append(all, d.ID)
		}
		f.called(m, classifySlots)
		release()
		for _, id := range all {
			f.inCategories(id, 1)
		}
		_, most := m.waiting()
		require.Equal(t, classifySlots, most)
		require.Len(t, m.calls(), len(all))
	})
}

// Stopping does not wait for the AI, and what it has not answered is asked again at the next start that has a gateway.
func TestStopWhileClassified(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, _ *fakeGateway, m *fakeAI) {
		f.category("Alpha")
		m.answers(200, `{"categories": [1]}`)
		release := m.hold()
		defer release()
		var all []string
		for range classifySlots + 1 {
			all = append(all, f.add(ann, "a.pdf", pdfOf(1, "")).ID)
		}
		f.called(m, classifySlots)
		f.close() // fails after 20 s
		release()
		gateway := f.config.Gateway
		f.config.Gateway = feature.Gateway{}
		f.open()
		other := f.add(ann, "a.pdf", pdfOf(1, ""))
		f.close()
		f.config.Gateway = gateway
		f.open()
		for _, id := range all {
			f.inCategories(id, 1)
		}
		f.idle()
		require.Empty(t, f.settled(ann, other.ID).CategoryIDs, "what was read without a gateway")
	})
}

// Documents wait for a gateway that has not yet said whether there is an AI.
func TestClassifiedOnceTheGatewayAnswers(t *testing.T) {
	g, m := newFakeGateway(t), newFakeAI(t)
	g.use(m)
	g.fail(503)
	log := &syncBuffer{}
	f := start(t, Config{Gateway: g.at(), Logger: slog.New(slog.NewTextHandler(log, nil))})
	f.category("Alpha")
	m.answers(200, `{"categories": [1]}`)
	d := f.add(ann, "a.pdf", pdfOf(1, ""))
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "classifying documents is interrupted") }, 20*time.Second, time.Millisecond)
	asked := g.times()
	require.Eventually(t, func() bool { return g.times() >= asked+2 }, 20*time.Second, time.Millisecond, "it asks on")
	g.fail(0)
	f.inCategories(d.ID, 1)
	require.Equal(t, 1, strings.Count(log.String(), "classifying documents is interrupted"))
	require.Equal(t, 1, strings.Count(log.String(), "setting=ai error="))
	require.Equal(t, 1, strings.Count(log.String(), "tells its settings again"))
}

// Switched off, no document is classified unless somebody asks, those that wait among them.
func TestAutoClassifyOff(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, g *fakeGateway, m *fakeAI) {
		f.category("Alpha")
		m.answers(200, `{"categories": [1]}`)
		release := m.hold()
		defer release()
		var all []string
		for range classifySlots + 2 {
			all = append(all, f.add(ann, "a.pdf", pdfOf(1, "")).ID)
		}
		f.called(m, classifySlots)
		f.set(`{"auto_classify":false}`).is(200)
		release()
		all = append(all, f.add(ann, "b.pdf", pdfOf(1, "")).ID)
		f.idle()
		categorised := 0
		for _, id := range all {
			categorised += len(f.settled(ann, id).CategoryIDs)
		}
		require.Equal(t, classifySlots, categorised, "only those that were under way")
		last := all[len(all)-1]
		require.Len(t, ids(f.call(ann, "POST", "/documents/"+last+"/classify", "")), 1, "who asks is served")

		f.set(`{"auto_classify":null}`).is(200)
		d := f.add(ann, "c.pdf", pdfOf(1, ""))
		f.inCategories(d.ID, 1)
		f.idle()
		require.Empty(t, f.settled(ann, all[len(all)-2]).CategoryIDs, "what was left out is not taken up later")

		g.fail(500) // nobody needs to know of an AI that nobody may ask
		f.set(`{"auto_classify":false}`).is(200)
		f.forget()
		f.add(ann, "d.pdf", pdfOf(1, ""))
		f.idle()
	})
}
