package ai

import (
	"bytes"
	"context"
	"encoding/json"
)

// https://github.com/ollama/ollama/blob/main/docs/api.md
var ollama = dialect{
	url:  "http://localhost:11434",
	sign: bearer, // by itself it asks for none; what stands before it may
	fault: func(status int, body []byte) (Kind, bool) {
		var b struct{ Error string }
		return kindOf(status), json.Unmarshal(body, &b) == nil && b.Error != ""
	},
	check: func(ctx context.Context, x *exchange) *Failure {
		return x.post(ctx, "/api/show", map[string]any{"model": x.endpoint.Model}, new(ollamaModel))
	},
	complete: func(ctx context.Context, x *exchange, p Prompt) (string, *Failure) {
		var answer ollamaAnswer
		f := x.post(ctx, "/api/chat", map[string]any{
			"model":    x.endpoint.Model,
			"messages": p.messages(),
			"stream":   false,
			"options":  map[string]any{"num_predict": p.MaxTokens},
		}, &answer)
		return answer.Message.Content, f
	},
}

type ollamaModel struct {
	Details *struct{ Format string }
}

func (m *ollamaModel) whole() bool { return m.Details != nil }

// begun looks for the details before the list of tensors, which is long with a large model.
func (m *ollamaModel) begun(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return false
	}
	for !m.whole() {
		name, err := d.Token()
		if err != nil {
			return false
		}
		var value json.RawMessage
		if d.Decode(&value) != nil || name == "details" && json.Unmarshal(value, &m.Details) != nil {
			return false
		}
	}
	return true
}

type ollamaAnswer struct {
	Message message
	Done    bool
}

func (a *ollamaAnswer) whole() bool { return a.Message.Role != "" && a.Done }
