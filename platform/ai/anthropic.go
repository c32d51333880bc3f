package ai

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

// https://docs.anthropic.com/en/api: models, messages, errors
var anthropic = dialect{
	url:      "https://api.anthropic.com",
	version:  "/v1",
	needsKey: true,
	sign: func(h http.Header, key string) {
		h.Set("X-Api-Key", key)
		h.Set("Anthropic-Version", "2023-06-01")
	},
	fault: func(status int, body []byte) (Kind, bool) {
		var b struct {
			Type  string
			Error struct{ Type string }
		}
		return kindOf(status), json.Unmarshal(body, &b) == nil && b.Type == "error" && b.Error.Type != ""
	},
	check: func(ctx context.Context, x *exchange) *Failure {
		return x.get(ctx, "/models/"+url.PathEscape(x.endpoint.Model), new(anthropicModel))
	},
	complete: func(ctx context.Context, x *exchange, p Prompt) (string, *Failure) {
		question := map[string]any{
			"model":      x.endpoint.Model,
			"max_tokens": p.MaxTokens,
			"messages":   []message{{"user", p.User}},
		}
		if p.System != "" {
			question["system"] = p.System
		}
		var answer anthropicMessage
		f := x.post(ctx, "/messages", question, &answer)
		return answer.text(), f
	},
}

type anthropicModel struct{ Type, ID string }

func (m *anthropicModel) whole() bool { return m.Type == "model" && m.ID != "" }

type anthropicMessage struct {
	Type    string
	Content []struct{ Type, Text string }
}

func (m *anthropicMessage) whole() bool { return m.Type == "message" && m.Content != nil }

func (m *anthropicMessage) text() string {
	var text strings.Builder
	for _, block := range m.Content {
		if block.Type == "text" { // and not thinking
			text.WriteString(block.Text)
		}
	}
	return text.String()
}
