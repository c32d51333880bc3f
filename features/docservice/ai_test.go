package docservice

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// canary is the key of the AI. It must be seen nowhere but there.
const canary = `canary"key<` + canaryWord + `>`

const canaryWord = "7f3a9c"

// fakeAI is a server in the form of OpenAI's.
type fakeAI struct {
	*httptest.Server
	mu       sync.Mutex
	status   int
	says     string
	gate     chan struct{} // answers wait until it is closed, unless nil
	requests []aiRequest
	busy     int // calls that wait
	most     int // the most calls that have waited at once
}

type aiRequest struct {
	authorization string
	Messages      []struct{ Role, Content string }
}

func newFakeAI(t *testing.T) *fakeAI {
	m := &fakeAI{status: http.StatusOK, says: `{"categories": []}`}
	m.Server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.Close)
	return m
}

func (m *fakeAI) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	request := aiRequest{authorization: r.Header.Get("Authorization")}
	_ = json.Unmarshal(body, &request)
	m.mu.Lock()
	m.requests = append(m.requests, request)
	m.busy++
	m.most = max(m.most, m.busy)
	status, says, gate := m.status, m.says, m.gate
	m.mu.Unlock()
	if gate != nil {
		select {
		case <-gate:
		case <-r.Context().Done():
		}
	}
	m.mu.Lock()
	m.busy--
	m.mu.Unlock()
	content, _ := json.Marshal(says)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if status != http.StatusOK {
		fmt.Fprintf(w, `{"error":{"message":%s,"type":"error"}}`, content)
		return
	}
	fmt.Fprintf(w, `{"id":"1","object":"chat.completion","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":%s}}]}`, content)
}

func (m *fakeAI) answers(status int, says string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status, m.says = status, says
}

// hold makes all answers from now on wait until the returned function is called.
func (m *fakeAI) hold() (release func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	gate := make(chan struct{})
	m.gate = gate
	return sync.OnceFunc(func() {
		m.mu.Lock()
		m.gate = nil
		m.mu.Unlock()
		close(gate)
	})
}

func (m *fakeAI) calls() []aiRequest {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]aiRequest{}, m.requests...)
}

// waiting is how many calls wait at this moment, and the most that ever did.
func (m *fakeAI) waiting() (now, most int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.busy, m.most
}
