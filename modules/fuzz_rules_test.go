package modules_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit/specfuzz"
	"portico.internal/platform/web"
)

// asked is a request with its reply.
type asked struct {
	turn
	request   *specfuzz.Request
	ambiguous bool // it names its caller in a way of its own, too
	reply     *specfuzz.Reply
}

// mayFail are the failures of what is behind the gateway that these requests provoke, with the reason.
var mayFail = map[string][]int{
	"GET /api/plugins/{id}/settings":    {http.StatusBadGateway, http.StatusServiceUnavailable}, // the plugin broken answers nonsense, until the breaker opens
	"PATCH /api/plugins/{id}/settings":  {http.StatusBadGateway, http.StatusServiceUnavailable},
	"POST /api/documents/{id}/classify": {http.StatusBadGateway, http.StatusServiceUnavailable}, // the AI is not one
}

// judge holds a reply against everything that must be so.
func (f *fuzz) judge(a asked) {
	f.judgeSecrets(a)
	switch status := a.reply.Status; {
	case status >= 500 && !slices.Contains(mayFail[a.op.String()], status):
		f.fail(a, fmt.Sprintf("status %d", status), string(a.reply.Body))
		return
	case a.request.Refusable && status == http.StatusBadRequest && a.reply.Header.Get("X-Request-Id") == "":
		return // net/http has refused it
	case a.reply.Header.Get("X-Request-Id") == "":
		f.fail(a, "no request id", string(a.reply.Body))
		return
	case status == http.StatusMethodNotAllowed && a.reply.Header.Get("Allow") == "":
		f.fail(a, "405 without Allow", "")
	case status == http.StatusUnauthorized && a.reply.Header.Get("WWW-Authenticate") != "Bearer":
		f.fail(a, "401 without WWW-Authenticate", "")
	}
	f.judgeForm(a)
	f.judgeAccess(a)
}

// judgeForm holds the body against the document, or where another route may have answered against the form of errors.
func (f *fuzz) judgeForm(a asked) {
	status := a.reply.Status
	var err error
	switch {
	case !a.request.Elsewhere:
		err = a.op.Check(a.reply)
	case status >= 400 && a.request.Method != http.MethodHead:
		err = specfuzz.CheckError(a.reply)
	}
	// What the document leaves open is an error here all the same; only readiness says no in a form of its own.
	if err == nil && !a.request.Elsewhere && status >= 400 && a.op.Path != "/health/ready" && a.op.Method != http.MethodHead {
		err = specfuzz.CheckError(a.reply)
	}
	if err != nil {
		f.fail(a, fmt.Sprintf("status %d: %s", status, err), string(a.reply.Body))
	}
}

// judgeAccess holds the reply against who has asked.
func (f *fuzz) judgeAccess(a asked) {
	status, detail := a.reply.Status, string(a.reply.Body)
	if a.request.Elsewhere {
		admin := strings.HasPrefix(a.request.Target, "/api/admin/") && !a.actor.passes(&fuzzRoute{access: web.Admin})
		if admin && status != http.StatusUnauthorized && status != http.StatusNotFound {
			f.fail(a, fmt.Sprintf("status %d tells of an admin path", status), detail)
		}
		return
	}
	passes := a.actor.passes(a.fuzzRoute)
	switch {
	case a.ambiguous && (a.internal || a.access != web.Public):
		if status != http.StatusUnauthorized {
			f.fail(a, "two callers at once are let in", detail)
		}
	case passes && status == http.StatusUnauthorized && a.op.Path != "/api/auth/login":
		f.fail(a, "it does not know its caller", detail)
	case passes:
	case a.actor.live && !a.internal:
		if status != http.StatusNotFound || detail != `{"detail":"Not Found"}` && a.op.Method != http.MethodHead {
			f.fail(a, fmt.Sprintf("status %d to whom the path is to be unknown", status), detail)
		}
	case a.op.Method == http.MethodHead && status == http.StatusUnauthorized:
	case status != http.StatusUnauthorized || a.actor.token == "" && !strings.Contains(detail, "Not authenticated") || a.actor.token != "" && !strings.Contains(detail, "Could not validate credentials"):
		f.fail(a, fmt.Sprintf("status %d to a stranger", status), detail)
	}
}

// givesToken are the routes whose replies hold a token.
var givesToken = []string{"POST /api/auth/login", "POST /api/auth/logout-all", "POST /api/auth/reset", "POST /api/users/me/password"}

// judgeSecrets looks for what nobody may be told.
func (f *fuzz) judgeSecrets(a asked) {
	var header bytes.Buffer
	var but map[string]bool
	if a.reply.Status == http.StatusTemporaryRedirect { // to the same query
		but = map[string]bool{"Location": true}
	}
	_ = a.reply.Header.WriteSubset(&header, but)
	text := header.String() + string(a.reply.Body)
	for _, secret := range []string{canary, "eyJhbGciOi", "$2a$", "$2b$", "PRIVATE KEY", gatewaytest.PrivateKey[200:260]} {
		switch {
		case !strings.Contains(text, secret):
		case secret == canary && a.op.String() == "GET /internal/settings/ai" && a.actor.passes(a.fuzzRoute): // it is for services, with the keys
		case secret == "eyJhbGciOi" && slices.Contains(givesToken, a.op.String()) && a.reply.Status == http.StatusOK:
		default:
			f.fail(a, "a secret in the reply", text)
		}
	}
}

// batch is how many requests are sent before the log is read.
const batch = 250

// readLog holds what the gateway has logged since against what a log may hold.
func (f *fuzz) readLog() {
	for line := range bytes.Lines(f.Log.Take()) {
		var l struct {
			Level, Msg string
			RequestID  string `json:"request_id"`
		}
		var kind string
		switch err := json.Unmarshal(line, &l); {
		case err != nil:
			kind = "a line of the log is no JSON"
		case l.Level == "ERROR":
			kind = "the log has an error: " + l.Msg
		case bytes.Contains(line, []byte(canary)), bytes.Contains(line, []byte("eyJhbGciOi")), bytes.Contains(line, []byte("$2a$")), bytes.Contains(line, []byte("PRIVATE KEY")):
			kind = "a secret in the log"
		default:
			continue
		}
		f.fail(f.sent[l.RequestID], kind, string(line))
	}
	clear(f.sent)
}
