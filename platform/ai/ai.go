// Package ai asks language models of several providers for text, over bounded calls that go only where a policy lets
// them and whose failures say what an admin can mend.
package ai

import (
	"context"
	"net/http"
	"time"

	"portico.internal/platform/egress"
)

// Provider names a way of speaking to a model.
type Provider string

const (
	Anthropic        Provider = "anthropic"
	OpenAI           Provider = "openai"
	Ollama           Provider = "ollama"
	OpenAICompatible Provider = "openai_compatible" // any server with the paths of OpenAI's chat completions
)

// Providers are all there are.
var Providers = []Provider{Anthropic, OpenAI, Ollama, OpenAICompatible}

// DefaultURL is where the provider is unless an endpoint says otherwise; "" where only the endpoint can tell.
func (p Provider) DefaultURL() string { return dialects[p].url }

// Prompt is one question to a model.
type Prompt struct {
	System    string // how the model is to answer; may be empty
	User      string // what it is to answer
	MaxTokens int    // the longest answer; it is cut there. 0 means 1024
}

const defaultMaxTokens = 1024

// limits bound one call, all its requests together for the time, each reply for the bytes.
type limits struct {
	time  time.Duration
	bytes int64
}

// Client calls the endpoints that it is given. It is safe for concurrent use.
type Client struct {
	transport *http.Transport
	check     limits
	complete  limits
}

// NewClient makes a client that dials what the policy lets it. It keeps no cookies, takes no proxy from the
// environment and follows no redirect.
func NewClient(p egress.Policy) *Client {
	return &Client{
		transport: egress.Transport(p),
		check:     limits{10 * time.Second, 64 << 10},
		complete:  limits{time.Minute, 1 << 20},
	}
}

// Close closes the idle connections.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// Check asks the endpoint whether it knows the model and takes the key, for at most 10 s and 64 KiB. That costs
// nothing, but for a token at a compatible server without a list of models, or with one too long to read.
// A server that shows its list to everybody says nothing about the key. The error is a [*Failure].
func (c *Client) Check(ctx context.Context, e Endpoint) error {
	return c.call(ctx, e, c.check, func(ctx context.Context, x *exchange, d dialect) *Failure { return d.check(ctx, x) })
}

// Complete returns the model's answer, never empty, within at most 60 s and 1 MiB. The error is a [*Failure].
func (c *Client) Complete(ctx context.Context, e Endpoint, p Prompt) (string, error) {
	if p.MaxTokens <= 0 {
		p.MaxTokens = defaultMaxTokens
	}
	var text string
	err := c.call(ctx, e, c.complete, func(ctx context.Context, x *exchange, d dialect) (f *Failure) {
		if text, f = d.complete(ctx, x, p); f == nil && text == "" {
			f = &Failure{Kind: Failed, text: string(e.Provider) + " gave no text"}
		}
		return f
	})
	if err != nil {
		return "", err
	}
	return text, nil
}

func (c *Client) call(ctx context.Context, e Endpoint, l limits, do func(context.Context, *exchange, dialect) *Failure) error {
	base, f := e.usable()
	if f != nil {
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, l.time)
	defer cancel()
	d := dialects[e.Provider]
	if f := do(ctx, &exchange{transport: c.transport, endpoint: e, base: base, dialect: d, maxBytes: l.bytes}, d); f != nil {
		return f
	}
	return nil
}
