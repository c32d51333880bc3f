package ai

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// dialect is how one provider is spoken to.
type dialect struct {
	url      string // of the provider itself
	version  string // ends every base URL, whether the admin wrote it or not
	needsKey bool
	sign     func(h http.Header, key string)

	// fault tells whether a body is an error as the provider writes them, and of which kind.
	fault func(status int, body []byte) (Kind, bool)

	check    func(ctx context.Context, x *exchange) *Failure
	complete func(ctx context.Context, x *exchange, p Prompt) (string, *Failure)
}

var dialects = map[Provider]dialect{
	Anthropic:        anthropic,
	OpenAI:           openAI,
	Ollama:           ollama,
	OpenAICompatible: openAICompatible,
}

// exchange carries the requests of one call.
type exchange struct {
	transport http.RoundTripper
	endpoint  Endpoint
	base      string
	dialect   dialect
	maxBytes  int64 // of one reply
}

// reply is what a provider answers. It is whole when it has what no other JSON is likely to have.
type reply interface{ whole() bool }

// cutReply may be longer than is read; what matters comes first.
type cutReply interface {
	reply
	begun(text []byte) bool
}

func (x *exchange) get(ctx context.Context, path string, into reply) *Failure {
	return x.do(ctx, http.MethodGet, path, nil, into)
}

func (x *exchange) post(ctx context.Context, path string, question any, into reply) *Failure {
	body, err := json.Marshal(question)
	if err != nil {
		return undelivered(x.endpoint.Provider, 0, err)
	}
	return x.do(ctx, http.MethodPost, path, body, into)
}

func (x *exchange) do(ctx context.Context, method, path string, question []byte, into reply) *Failure {
	p := x.endpoint.Provider
	r, err := http.NewRequestWithContext(ctx, method, x.base+path, bytes.NewReader(question))
	if err != nil {
		return undelivered(p, 0, err)
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "portico")
	if question != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if x.endpoint.APIKey != "" {
		x.dialect.sign(r.Header, x.endpoint.APIKey)
	}
	res, err := x.transport.RoundTrip(r)
	if err != nil {
		return undelivered(p, 0, err)
	}
	defer res.Body.Close()
	if res.StatusCode < 200 || res.StatusCode >= 300 && res.StatusCode < 400 || res.StatusCode > 599 {
		return unreachable(p, res.StatusCode, errStatus) // unread: a switched connection has no end
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, x.maxBytes+1))
	if err != nil {
		return undelivered(p, res.StatusCode, err)
	}
	if int64(len(body)) > x.maxBytes {
		if cut, ok := into.(cutReply); ok && res.StatusCode < 300 && cut.begun(body) {
			return nil
		}
		return unreachable(p, res.StatusCode, errTooLong)
	}
	if res.StatusCode < 300 && json.Unmarshal(body, into) == nil && into.whole() {
		return nil
	}
	if kind, ok := x.dialect.fault(res.StatusCode, body); ok {
		return x.reported(kind, res.StatusCode)
	}
	return unreachable(p, res.StatusCode, errForm)
}

// kindOf is what a status means where the body does not say more.
func kindOf(status int) Kind {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return BadKey
	case http.StatusNotFound:
		return UnknownModel
	case http.StatusTooManyRequests:
		return Limited
	}
	return Failed
}

func bearer(h http.Header, key string) { h.Set("Authorization", "Bearer "+key) }
