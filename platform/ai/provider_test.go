package ai_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/ai"
)

var prompt = ai.Prompt{System: "Be brief.", User: "Say <hello> & go", MaxTokens: 7}

// What each provider is sent, and what it answers.
func TestConversations(t *testing.T) {
	const chat = `"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say <hello> & go"}]`
	for p, c := range map[ai.Provider]struct {
		base, check, checkBody, checked   string
		complete, completeBody, completed string
		header, value                     string
	}{
		ai.Anthropic: {
			check: "GET /v1/models/a%2Fb:c%20%3Fd", checked: `{"type": "model", "id": "a", "display_name": "A", "created_at": "2025-02-19T00:00:00Z"}`,
			complete: "POST /v1/messages", completeBody: `{"model": "a/b:c ?d", "max_tokens": 7, "system": "Be brief.", "messages": [{"role": "user", "content": "Say <hello> & go"}]}`,
			completed: `{"type": "message", "role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "text": "hm"}, {"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}], "stop_reason": "end_turn"}`,
			header:    "X-Api-Key", value: key,
		},
		ai.OpenAI: {
			base:  "/v1",
			check: "GET /v1/models/a%2Fb:c%20%3Fd", checked: `{"id": "a", "object": "model", "created": 1686935002, "owned_by": "openai"}`,
			complete: "POST /v1/chat/completions", completeBody: `{"model": "a/b:c ?d", "max_completion_tokens": 7, ` + chat + `}`,
			completed: `{"object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello", "refusal": null}, "finish_reason": "stop"}]}`,
			header:    "Authorization", value: "Bearer " + key,
		},
		ai.OpenAICompatible: {
			base:  "/api/v3",
			check: "GET /api/v3/models", checked: `{"object": "list", "data": [{"id": "x"}, {"id": "a/b:c ?d", "object": "model"}]}`,
			complete: "POST /api/v3/chat/completions", completeBody: `{"model": "a/b:c ?d", "max_tokens": 7, ` + chat + `}`,
			completed: `{"choices": [{"message": {"role": "assistant", "content": "Hello"}}]}`,
			header:    "Authorization", value: "Bearer " + key,
		},
		ai.Ollama: {
			check: "POST /api/show", checkBody: `{"model": "a/b:c ?d"}`, checked: `{"license": "x", "details": {"format": "gguf", "family": "llama"}, "model_info": {}}`,
			complete: "POST /api/chat", completeBody: `{"model": "a/b:c ?d", "stream": false, "options": {"num_predict": 7}, ` + chat + `}`,
			completed: `{"model": "a", "message": {"role": "assistant", "content": "Hello"}, "done": true, "done_reason": "stop"}`,
			header:    "Authorization", value: "Bearer " + key,
		},
	} {
		for _, slash := range []string{"", "/", "//"} {
			up := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "session", Value: "x"})
				switch r.Method + " " + r.RequestURI {
				case c.check:
					_, _ = io.WriteString(w, c.checked)
				case c.complete:
					_, _ = io.WriteString(w, c.completed)
				default:
					w.WriteHeader(http.StatusTeapot)
				}
			})
			client, e := newClient(t), ai.Endpoint{Provider: p, Model: "a/b:c ?d", BaseURL: up.URL + c.base + slash, APIKey: key}
			require.NoError(t, client.Check(t.Context(), e), p)
			text, err := client.Complete(t.Context(), e, prompt)
			require.NoError(t, err, p)
			require.Equal(t, "Hello", text, p)
			got := up.got()
			require.Len(t, got, 2, p)
			require.Equal(t, jsonOf(t, c.completeBody), got[1].body, p)
			if c.checkBody != "" {
				require.Equal(t, jsonOf(t, c.checkBody), got[0].body, p)
			}
			for _, r := range got {
				require.Equal(t, []string{c.value}, r.header.Values(c.header), p)
				require.NotContains(t, r.line, key)
				require.Empty(t, r.header.Values("Cookie"))
				require.Empty(t, r.header.Values("Accept-Encoding"))
				require.Equal(t, "portico", r.header.Get("User-Agent"))
				require.Equal(t, r.body != nil, r.header.Get("Content-Type") == "application/json")
				if p == ai.Anthropic {
					require.Equal(t, "2023-06-01", r.header.Get("Anthropic-Version"))
				}
			}
		}
	}
}

func TestWhatMayBeLeftOut(t *testing.T) {
	t.Run("the system prompt and the bound", func(t *testing.T) {
		for p, want := range map[ai.Provider]string{
			ai.Anthropic:        `{"model": "some-model", "max_tokens": 1024, "messages": [{"role": "user", "content": "Hello?"}]}`,
			ai.OpenAI:           `{"model": "some-model", "max_completion_tokens": 1024, "messages": [{"role": "user", "content": "Hello?"}]}`,
			ai.OpenAICompatible: `{"model": "some-model", "max_tokens": 1024, "messages": [{"role": "user", "content": "Hello?"}]}`,
			ai.Ollama:           `{"model": "some-model", "stream": false, "options": {"num_predict": 1024}, "messages": [{"role": "user", "content": "Hello?"}]}`,
		} {
			up := says(t, 200, `{}`)
			failure(t, calls["complete"](t, newClient(t), endpoint(p, up.URL)), ai.Unreachable, p)
			require.Equal(t, jsonOf(t, want), up.got()[0].body)
		}
	})
	t.Run("the key, where the provider can do without", func(t *testing.T) {
		for p, body := range map[ai.Provider]string{ai.Ollama: `{"details": {}}`, ai.OpenAICompatible: `{"data": [{"id": "some-model"}]}`} {
			up := says(t, 200, body)
			e := endpoint(p, up.URL)
			e.APIKey = ""
			require.NoError(t, newClient(t).Check(t.Context(), e))
			require.NotContains(t, up.got()[0].header, "Authorization")
		}
	})
	t.Run("the version in the base URL of anthropic", func(t *testing.T) {
		for _, base := range []string{"", "/", "/v1", "/v1/"} {
			up := says(t, 200, `{"type": "model", "id": "some-model"}`)
			require.NoError(t, newClient(t).Check(t.Context(), endpoint(ai.Anthropic, up.URL+"/proxy"+base)))
			require.Equal(t, "GET /proxy/v1/models/some-model", up.got()[0].line)
		}
	})
	t.Run("the base URL", func(t *testing.T) {
		require.Equal(t, "https://api.anthropic.com", ai.Anthropic.DefaultURL())
		require.Equal(t, "https://api.openai.com/v1", ai.OpenAI.DefaultURL())
		require.Equal(t, "http://localhost:11434", ai.Ollama.DefaultURL())
		require.Empty(t, ai.OpenAICompatible.DefaultURL())
		require.Empty(t, ai.Provider("other").DefaultURL())
		require.Len(t, ai.Providers, 4)
	})
}

func TestCompatibleModelLists(t *testing.T) {
	const chatted = `{"choices": [{"message": {"role": "assistant", "content": ""}}]}`
	long := `{"object": "list", "data": [{"id": "` + strings.Repeat("x", 64<<10) + `"}, {"id": "some-model"}]}`
	for name, c := range map[string]struct {
		status int
		list   string
		chats  bool
		want   func(t *testing.T, err error)
	}{
		"the model is there":              {200, `{"object": "list", "data": [{"id": "some-model"}]}`, false, knows},
		"Gemini's way of writing it":      {200, `{"object": "list", "data": [{"id": "models/some-model"}]}`, false, knows},
		"another model is there":          {200, `{"object": "list", "data": [{"id": "some-model-2"}, {"id": "vendor/some-model"}]}`, false, knowsNot},
		"no model is there":               {200, `{"object": "list", "data": []}`, false, knowsNot},
		"no model is there, told by null": {200, `{"object": "list", "data": null}`, false, knowsNot},
		"there is no list":                {404, `<h1>Not Found</h1>`, true, knows},
		"nor is it told in OpenAI's form": {404, `{"error": {"message": "no such path", "type": "invalid_request_error"}}`, true, knows},
		"it must not be read":             {405, ``, true, knows},
		"it is too long":                  {200, long, true, knows},
	} {
		up := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == "POST" {
				_, _ = io.WriteString(w, chatted)
				return
			}
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.list)
		})
		t.Run(name, func(t *testing.T) {
			c.want(t, newClient(t).Check(t.Context(), endpoint(ai.OpenAICompatible, up.URL)))
			got := up.got()
			require.Equal(t, "GET /models", got[0].line)
			require.Equal(t, c.chats, len(got) == 2)
			if c.chats {
				require.Equal(t, "POST /chat/completions", got[1].line)
				require.EqualValues(t, 1, got[1].body["max_tokens"])
				require.Equal(t, "some-model", got[1].body["model"])
				require.Equal(t, "Bearer "+key, got[1].header.Get("Authorization"))
			}
		})
	}
}

func knows(t *testing.T, err error)    { t.Helper(); require.NoError(t, err) }
func knowsNot(t *testing.T, err error) { t.Helper(); failure(t, err, ai.UnknownModel) }

// Ollama lists every tensor of a model, whatever it is asked.
func TestLargeOllamaModels(t *testing.T) {
	license, tensors := strings.Repeat("x", 30<<10), `"tensors": ["`+strings.Repeat("y", 64<<10)+`"]`
	for body, want := range map[string]func(*testing.T, error){
		`{"license": "` + license + `", "details": {"format": "gguf"}, ` + tensors + `}`: knows,
		`{"license": "` + license + `", ` + tensors + `, "details": {"format": "gguf"}}`: unreachable,
		`{"license": "` + license + `", "details": "none", ` + tensors + `}`:             unreachable,
		`{"license": "` + license + `", "details": null, ` + tensors + `}`:               unreachable,
		`{"license": "` + license + `", "x": {"details": {}}, ` + tensors + `}`:          unreachable,
		`["details", {}, ` + strings.Repeat(" ", 64<<10) + `]`:                           unreachable,
	} {
		want(t, newClient(t).Check(t.Context(), endpoint(ai.Ollama, says(t, 200, body).URL)))
		failure(t, newClient(t).Check(t.Context(), endpoint(ai.Ollama, says(t, 500, body).URL)), ai.Unreachable)
	}
}

func unreachable(t *testing.T, err error) { t.Helper(); failure(t, err, ai.Unreachable) }
