package docservice

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/feature"
)

// called waits until the AI has been called that often.
func (f *fixture) called(m *fakeAI, times int) {
	f.t.Helper()
	require.Eventually(f.t, func() bool { return len(m.calls()) == times }, 20*time.Second, time.Millisecond)
}

// idle waits until no document waits to be classified.
func (f *fixture) idle() {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		var waiting int64
		require.NoError(f.t, f.db.Model(&document{}).Where("unclassified").Count(&waiting).Error)
		return waiting == 0 && len(f.classifier.slots) == 0
	}, 20*time.Second, time.Millisecond)
}

// added uploads a document before there are categories, so that nothing classifies it unasked.
func (f *fixture) added(as user, name string) Document {
	d := f.add(as, name, pdfOf(1, ""))
	f.idle()
	return d
}

func ids(r reply) []string { return decode[Classification](r.is(200)).CategoryIDs }

func TestClassify(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, g *fakeGateway, m *fakeAI) {
		d := f.added(ann, "invoice 114.pdf")
		path := "/documents/" + d.ID
		gamma, beta, alpha := f.category("Gamma"), f.category("Beta"), f.category("Alpha") // 3, 2, 1 by name
		f.call(root, "PATCH", "/documents/categories/"+beta.ID, `{"description":"what we owe"}`).is(200)
		f.call(ann, "PUT", path+"/categories", `{"category_ids":["`+gamma.ID+`"]}`).is(200)

		m.answers(200, "Surely:\n```json\n{\"categories\": [2, 7, \"nonsense\", null, 2]}\n```")
		require.ElementsMatch(t, []string{gamma.ID, beta.ID}, ids(f.call(ann, "POST", path+"/classify", "")), "what a person chose stays")
		require.ElementsMatch(t, []string{gamma.ID, beta.ID}, f.settled(ann, d.ID).CategoryIDs)
		require.Len(t, m.calls(), 1)
		asked := m.calls()[0]
		require.Equal(t, "Bearer "+canary, asked.authorization)
		require.Equal(t, "system", asked.Messages[0].Role)
		require.Equal(t, "Sort it well.", asked.Messages[0].Content)
		require.Contains(t, asked.Messages[1].Content, `{"number":2,"name":"Beta","description":"what we owe"}`)
		require.Contains(t, asked.Messages[1].Content, `{"title":"invoice 114","filename":"invoice 114.pdf","text":""}`)

		m.answers(200, `{"categories": []}`)
		require.ElementsMatch(t, []string{gamma.ID, beta.ID}, ids(f.call(ann, "POST", path+"/classify", "")))
		m.answers(200, `{"categories": ["alpha", 2]}`) // one of which it has
		require.ElementsMatch(t, []string{gamma.ID, beta.ID, alpha.ID}, ids(f.call(root, "POST", path+"/classify", "")), "by an administrator")
		require.Len(t, decode[[]CategoryOut](f.call(ann, "GET", "/documents/categories", "").is(200)), 3, "none is made")

		other := f.add(ann, "other.pdf", pdfOf(1, ""))
		f.idle()
		f.call(ann, "PUT", "/documents/"+other.ID+"/categories", `{"category_ids":[]}`).is(200)
		m.answers(200, `{"categories": []}`)
		f.call(ann, "POST", "/documents/"+other.ID+"/classify", "").is(200, `{"category_ids":[]}`)
	})
}

// The administrator's prompt counts from the next call on, the service's own where there is none.
func TestClassifyPrompt(t *testing.T) {
	g, m := newFakeGateway(t), newFakeAI(t)
	g.use(m)
	f := start(t, Config{Gateway: g.at()})
	d := f.added(ann, "a.pdf")
	f.category("Alpha")
	system := func() string {
		f.gateway.prompt.cache.Invalidate("")
		f.call(ann, "POST", "/documents/"+d.ID+"/classify", "").is(200)
		calls := m.calls()
		require.Contains(t, calls[len(calls)-1].Messages[1].Content, `Answer with JSON only: {"categories": [`)
		return calls[len(calls)-1].Messages[0].Content
	}
	require.Equal(t, "Sort it well.", system())
	g.set("system-prompts/doc-service", `{"prompt":"<rule>Only \"Alpha\".</rule>"}`)
	require.Equal(t, `<rule>Only "Alpha".</rule>`, system())
	g.set("system-prompts/doc-service", `{"prompt":""}`)
	require.Equal(t, defaultPrompt, system())
	g.set("system-prompts/doc-service", "")
	require.Equal(t, defaultPrompt, system())
}

func TestClassifyRefused(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, g *fakeGateway, m *fakeAI) {
		d := f.added(ann, "a.pdf")
		path := "/documents/" + d.ID + "/classify"
		f.call(ann, "POST", path, "").is(400, "There are no categories")
		c := f.category("Alpha")
		m.answers(200, `{"categories": [1]}`)
		f.call(nobody, "POST", path, "").is(401)
		for _, id := range []string{d.ID, "00000000-0000-4000-8000-000000000000", "nonsense", "%00"} {
			f.call(bob, "POST", "/documents/"+id+"/classify", "").is(404)
		}
		f.call(ann, "PATCH", "/documents/"+d.ID, `{"shared_group_ids":["g-blue"]}`).is(200)
		f.call(bob, "POST", path, "").is(400, "Only the owner or an administrator")
		for _, status := range []string{statusFailed, statusProcessing} {
			require.NoError(t, f.db.Model(&document{}).Where("id = ?", d.ID).UpdateColumn("status", status).Error)
			f.call(ann, "POST", path, "").is(400, "Only a document that is ready")
		}
		require.Empty(t, m.calls(), "nobody is asked in vain")
		require.Equal(t, "[]", f.call(ann, "GET", "/documents?category="+c.ID, "").is(200).body)
	})
}

// When the AI does not help the answer is 503, with a reason, and the document stays as it was.
func TestClassifyUnavailable(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, g *fakeGateway, m *fakeAI) {
		d := f.added(ann, "a.pdf")
		alpha, _ := f.category("Alpha"), f.category("Beta")
		f.call(ann, "PUT", "/documents/"+d.ID+"/categories", `{"category_ids":["`+alpha.ID+`"]}`).is(200)
		before := f.call(ann, "GET", "/documents/"+d.ID, "").is(200).body
		host := strings.TrimPrefix(m.URL, "http://")
		endpoint := func(fields string) string {
			return `{"provider":"openai_compatible","providers":{"openai_compatible":{` + fields + `}},"allowed_hosts":["` + host + `"]}`
		}
		good := `"model":"m","base_url":"` + m.URL + `"`
		for name, test := range map[string]struct {
			settings string
			status   int
			says     string
			want     string
		}{
			"no provider":      {`{"provider":null,"providers":{},"allowed_hosts":[]}`, 200, `{"categories":[2]}`, "AI is not configured"},
			"no such setting":  {"", 200, `{"categories":[2]}`, "AI is not configured"},
			"unknown provider": {`{"provider":"other","providers":{"other":{"model":"m"}}}`, 200, "", "provider"},
			"no model":         {endpoint(`"base_url":"` + m.URL + `"`), 200, `{"categories":[2]}`, "model"},
			"lost key":         {endpoint(good + `,"api_key":null,"has_api_key":true,"api_key_error":"no"`), 200, `{"categories":[2]}`, "cannot be decrypted"},
			"private address":  {strings.Replace(endpoint(good), host+`"]`, `other"]`, 1), 200, `{"categories":[2]}`, "openai_compatible"},
			"provider fails":   {endpoint(good), 500, "Incorrect API key provided: " + canary, "openai_compatible"},
			"key refused":      {endpoint(good + `,"api_key":"` + "key-7f3a9c" + `"`), 401, "Incorrect API key provided: key-7f3a9c", "key"},
			"no JSON":          {endpoint(good), 200, "I would say Beta.", "cannot be read"},
			"other JSON":       {endpoint(good), 200, `{"category": 2}`, "cannot be read"},
			"cut JSON":         {endpoint(good), 200, `{"categories": [2`, "cannot be read"},
			"no list":          {endpoint(good), 200, `{"categories": "2"}`, "cannot be read"},
		} {
			g.set("ai", test.settings)
			f.gateway.ai.cache.Invalidate("")
			m.answers(test.status, test.says)
			r := f.call(ann, "POST", "/documents/"+d.ID+"/classify", "").is(503, test.want)
			require.NotContains(t, r.body, "7f3a9c", name)
			require.NotContains(t, r.body, host, name)
			require.Equal(t, before, f.call(ann, "GET", "/documents/"+d.ID, "").is(200).body, name)
		}
	})
}

func TestClassifyWithoutGateway(t *testing.T) {
	for name, at := range map[string]feature.Gateway{"none": {}, "not there": {URL: "http://127.0.0.1:1", Token: "x"}} {
		t.Run(name, func(t *testing.T) {
			f := start(t, Config{})
			f.category("Alpha")
			d := f.add(ann, "a.pdf", pdfOf(1, ""))
			f.close()
			f.config.Gateway = at
			f.open()
			f.call(ann, "POST", "/documents/"+d.ID+"/classify", "").is(503, "AI")
		})
	}
}

// A document or a category that goes while the AI thinks is not brought back.
func TestGoneWhileClassified(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, _ *fakeGateway, m *fakeAI) {
		d, gone := f.added(ann, "a.pdf"), f.added(ann, "b.pdf")
		alpha, beta := f.category("Alpha"), f.category("Beta")
		m.answers(200, `{"categories": [1, 2]}`)
		release := m.hold()
		defer release()
		var both sync.WaitGroup
		var kept, lost reply
		both.Go(func() { kept = f.call(ann, "POST", "/documents/"+d.ID+"/classify", "") })
		both.Go(func() { lost = f.call(ann, "POST", "/documents/"+gone.ID+"/classify", "") })
		f.called(m, 2)
		f.call(root, "DELETE", "/documents/categories/"+alpha.ID, "").is(204)
		f.call(ann, "DELETE", "/documents/"+gone.ID, "").is(204)
		release()
		both.Wait()
		require.Equal(t, []string{beta.ID}, ids(kept))
		lost.is(404, "Document not found")
		var rows []assignment
		require.NoError(t, f.db.Find(&rows).Error)
		require.Len(t, rows, 1)
	})
}

// Only so many are asked for at once: the others are told to come again.
func TestClassifyManyAtOnce(t *testing.T) {
	g, m := newFakeGateway(t), newFakeAI(t)
	g.use(m)
	f := start(t, Config{Gateway: g.at()})
	d := f.added(ann, "a.pdf")
	f.category("Alpha")
	release := m.hold()
	defer release()
	var all sync.WaitGroup
	for range askedAtOnce {
		all.Go(func() { f.call(ann, "POST", "/documents/"+d.ID+"/classify", "").is(200) })
	}
	f.called(m, askedAtOnce)
	r := f.call(ann, "POST", "/documents/"+d.ID+"/classify", "").is(503, "Too many")
	require.Equal(t, "1", r.header.Get("Retry-After"))
	release()
	all.Wait()
	f.call(ann, "POST", "/documents/"+d.ID+"/classify", "").is(200)
}

// The AI chooses among the categories that the settings let it use, by name or id, asked or unasked; people among all.
func TestAllowedCategories(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, _ *fakeGateway, m *fakeAI) {
		d := f.added(ann, "a.pdf")
		path := "/documents/" + d.ID
		alpha, beta, gamma := f.category("Alpha"), f.category("Größe"), f.category("Zeta")
		offered := func() string { calls := m.calls(); return calls[len(calls)-1].Messages[1].Content }
		f.set(`{"allowed_categories":["GRÖSSE","` + strings.ToUpper(gamma.ID) + `","Nonsense"]}`).is(200)
		m.answers(200, `{"categories": [1, 2, 3, "Alpha", "`+alpha.ID+`"]}`)
		require.ElementsMatch(t, []string{beta.ID, gamma.ID}, ids(f.call(ann, "POST", path+"/classify", "")), "asked")
		require.NotContains(t, offered(), "Alpha")
		require.Contains(t, offered(), `{"number":2,"name":"Zeta"}`)
		unasked := f.add(ann, "b.pdf", pdfOf(1, ""))
		f.inCategories(unasked.ID, 2)
		f.idle()
		require.NotContains(t, offered(), "Alpha")
		f.call(ann, "POST", path+"/categories/"+alpha.ID, "").is(201)
		require.ElementsMatch(t, []string{alpha.ID, beta.ID, gamma.ID}, ids(f.call(ann, "POST", path+"/classify", "")), "what a person chose stays")

		f.set(`{"allowed_categories":["Nonsense"]}`).is(200)
		calls := len(m.calls())
		f.call(ann, "POST", path+"/classify", "").is(400, "There are no categories")
		require.Len(t, m.calls(), calls)
		f.set(`{"allowed_categories":null}`).is(200)
		f.call(ann, "POST", path+"/classify", "").is(200)
		require.Contains(t, offered(), "Alpha")
	})
}
