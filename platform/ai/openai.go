package ai

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// https://platform.openai.com/docs/api-reference: models, chat
var openAI = dialect{
	url:      "https://api.openai.com/v1",
	needsKey: true,
	sign:     bearer,
	fault: func(status int, body []byte) (Kind, bool) {
		var b struct{ Error openAIError }
		if json.Unmarshal(body, &b) != nil || b.Error.Message == "" || b.Error.Type == "" {
			return Failed, false
		}
		if status == http.StatusNotFound && !b.Error.unknownModel() {
			return Failed, true // there is no such path: the base URL is wrong
		}
		return b.Error.kind(status), true
	},
	check: func(ctx context.Context, x *exchange) *Failure {
		return x.get(ctx, "/models/"+url.PathEscape(x.endpoint.Model), new(openAIModel))
	},
	complete: func(ctx context.Context, x *exchange, p Prompt) (string, *Failure) {
		return chat(ctx, x, p, "max_completion_tokens") // newer models refuse max_tokens
	},
}

var openAICompatible = dialect{
	sign:  bearer,
	fault: compatibleFault,
	check: func(ctx context.Context, x *exchange) *Failure {
		var list openAIModels
		f := x.get(ctx, "/models", &list)
		switch {
		case f == nil && !list.has(x.endpoint.Model):
			return x.reported(UnknownModel, http.StatusOK)
		case f != nil && (f.status == http.StatusNotFound || f.status == http.StatusMethodNotAllowed || f.cause == errTooLong): //nolint:errorlint // never wrapped
			_, f = chat(ctx, x, Prompt{User: "Hi", MaxTokens: 1}, "max_tokens")
		}
		return f
	},
	complete: func(ctx context.Context, x *exchange, p Prompt) (string, *Failure) {
		return chat(ctx, x, p, "max_tokens") // older servers know no other
	},
}

// compatibleFault knows the forms that servers have made of OpenAI's error.
func compatibleFault(status int, body []byte) (Kind, bool) {
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil && len(list) == 1 { // Gemini
		body = list[0]
	}
	var b struct {
		Error          json.RawMessage
		Object, Detail any
	}
	if json.Unmarshal(body, &b) != nil {
		return Failed, false
	}
	var e openAIError
	var text string
	switch {
	case json.Unmarshal(b.Error, &e) == nil && e.Message != "":
	case json.Unmarshal(b.Error, &text) == nil && text != "": // vLLM without a key, LM Studio
	case b.Object == "error": // Mistral, older vLLM
	case b.Detail == "Unauthorized" && status == http.StatusUnauthorized: // Mistral without a key
	default:
		return Failed, false
	}
	return e.kind(status), true
}

type openAIError struct {
	Message, Type string
	Code          any
}

func (e *openAIError) unknownModel() bool { return e.Code == "model_not_found" }

func (e *openAIError) kind(status int) Kind {
	if e.unknownModel() { // with 403 where the key's project may not use the model
		return UnknownModel
	}
	return kindOf(status)
}

type openAIModel struct{ Object, ID string }

func (m *openAIModel) whole() bool { return m.Object == "model" && m.ID != "" }

type openAIModels struct {
	Object string
	Data   []struct{ ID string }
}

func (m *openAIModels) whole() bool { return m.Object == "list" || m.Data != nil }

func (m *openAIModels) has(model string) bool {
	for _, d := range m.Data {
		if d.ID == model || d.ID == "models/"+model { // Gemini lists the one and takes both
			return true
		}
	}
	return false
}

// message is one turn of a conversation, as all providers have it.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

func (p Prompt) messages() []message {
	if p.System == "" {
		return []message{{"user", p.User}}
	}
	return []message{{"system", p.System}, {"user", p.User}}
}

func chat(ctx context.Context, x *exchange, p Prompt, maxTokens string) (string, *Failure) {
	var answer openAICompletion
	f := x.post(ctx, "/chat/completions", map[string]any{
		"model":    x.endpoint.Model,
		"messages": p.messages(),
		maxTokens:  p.MaxTokens,
	}, &answer)
	if f != nil {
		return "", f
	}
	return answer.Choices[0].Message.Content, nil
}

type openAICompletion struct {
	Choices []struct {
		Message *struct{ Content string } // null where the model refuses
	}
}

func (c *openAICompletion) whole() bool { return len(c.Choices) > 0 && c.Choices[0].Message != nil }
