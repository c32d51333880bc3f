package ai_test

import (
	"context"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/ai"
	"portico.internal/platform/egress"
)

const echo = key + " " + foreign // what errors of providers repeat

var (
	anthropicError = func(kind string) string {
		return `{"type": "error", "error": {"type": "` + kind + `", "message": "` + echo + `"}, "request_id": "req_1"}`
	}
	openAIError = func(code string) string {
		return `{"error": {"message": "Incorrect API key provided: ` + echo + `.", "type": "invalid_request_error", "param": null, "code": ` + code + `}}`
	}
	ollamaError = `{"error": "model '` + echo + `' not found"}`
)

func TestFailuresThatProvidersReport(t *testing.T) {
	for _, c := range []struct {
		provider ai.Provider
		status   int
		body     string
		kind     ai.Kind
		text     string
	}{
		{ai.Anthropic, 401, anthropicError("authentication_error"), ai.BadKey, "The key was refused by anthropic"},
		{ai.Anthropic, 403, anthropicError("permission_error"), ai.BadKey, "The key was refused by anthropic"},
		{ai.Anthropic, 404, anthropicError("not_found_error"), ai.UnknownModel, `anthropic has no model named "some-model", or not for this key`},
		{ai.Anthropic, 429, anthropicError("rate_limit_error"), ai.Limited, "anthropic takes no more calls for now, or the quota is used up"},
		{ai.Anthropic, 400, anthropicError("invalid_request_error"), ai.Failed, "anthropic reported an error (status 400)"},
		{ai.Anthropic, 529, anthropicError("overloaded_error"), ai.Failed, "anthropic reported an error (status 529)"},

		{ai.OpenAI, 401, openAIError(`"invalid_api_key"`), ai.BadKey, "The key was refused by openai"},
		{ai.OpenAI, 403, openAIError(`null`), ai.BadKey, "The key was refused by openai"},
		{ai.OpenAI, 404, openAIError(`"model_not_found"`), ai.UnknownModel, `openai has no model named "some-model", or not for this key`},
		{ai.OpenAI, 403, openAIError(`"model_not_found"`), ai.UnknownModel, `openai has no model named "some-model", or not for this key`},
		{ai.OpenAI, 404, openAIError(`null`), ai.Failed, "openai reported an error (status 404)"}, // no such path
		{ai.OpenAI, 429, openAIError(`"insufficient_quota"`), ai.Limited, "openai takes no more calls for now, or the quota is used up"},
		{ai.OpenAI, 500, openAIError(`null`), ai.Failed, "openai reported an error (status 500)"},

		{ai.OpenAICompatible, 401, openAIError(`"invalid_api_key"`), ai.BadKey, "The key was refused by openai_compatible"},
		{ai.OpenAICompatible, 401, `{"error": "Unauthorized ` + echo + `"}`, ai.BadKey, "The key was refused by openai_compatible"},
		{ai.OpenAICompatible, 401, `{"detail": "Unauthorized"}`, ai.BadKey, "The key was refused by openai_compatible"},
		{ai.OpenAICompatible, 404, `{"object": "error", "message": "` + echo + `", "code": 404}`, ai.UnknownModel, `openai_compatible has no model named "some-model", or not for this key`},
		{ai.OpenAICompatible, 400, `{"object": "error", "message": {"detail": ["` + echo + `"]}}`, ai.Failed, "openai_compatible reported an error (status 400)"},
		{ai.OpenAICompatible, 400, `[{"error": {"code": 400, "message": "` + echo + `", "status": "INVALID_ARGUMENT"}}]`, ai.Failed, "openai_compatible reported an error (status 400)"},
		{ai.OpenAICompatible, 400, openAIError(`"model_not_found"`), ai.UnknownModel, `openai_compatible has no model named "some-model", or not for this key`},
		{ai.OpenAICompatible, 429, openAIError(`429`), ai.Limited, "openai_compatible takes no more calls for now, or the quota is used up"},
		{ai.OpenAICompatible, 200, openAIError(`502`), ai.Failed, "openai_compatible reported an error (status 200)"},

		{ai.Ollama, 401, `{"error": "unauthorized", "signin_url": "` + echo + `"}`, ai.BadKey, "The key was refused by ollama"},
		{ai.Ollama, 404, ollamaError, ai.UnknownModel, `ollama has no model named "some-model", or not for this key`},
		{ai.Ollama, 429, ollamaError, ai.Limited, "ollama takes no more calls for now, or the quota is used up"},
		{ai.Ollama, 500, ollamaError, ai.Failed, "ollama reported an error (status 500)"},
	} {
		for name, call := range calls {
			f := failure(t, call(t, newClient(t), endpoint(c.provider, says(t, c.status, c.body).URL)), c.kind, name, c.body)
			require.EqualError(t, f, c.text)
		}
	}
}

func TestAKeyIsAskedForWhereNoneIsSet(t *testing.T) {
	for p, body := range map[ai.Provider]string{ai.Ollama: `{"error": "unauthorized"}`, ai.OpenAICompatible: `{"error": "Unauthorized"}`} {
		e := endpoint(p, says(t, 401, body).URL)
		e.APIKey = ""
		require.EqualError(t, failure(t, newClient(t).Check(t.Context(), e), ai.BadKey), string(p)+" asks for a key")
	}
}

func TestNoTextIsAFailure(t *testing.T) {
	for p, body := range map[ai.Provider]string{
		ai.Anthropic:        `{"type": "message", "content": []}`,
		ai.OpenAI:           `{"choices": [{"message": {"content": null, "refusal": "` + echo + `"}}]}`,
		ai.OpenAICompatible: `{"choices": [{"message": {"content": ""}, "finish_reason": "length"}]}`,
		ai.Ollama:           `{"message": {"role": "assistant", "content": ""}, "done": true}`,
	} {
		f := failure(t, calls["complete"](t, newClient(t), endpoint(p, says(t, 200, body).URL)), ai.Failed, p)
		require.EqualError(t, f, string(p)+" gave no text")
	}
}

func TestIncompleteEndpointsAreNotCalled(t *testing.T) {
	up := says(t, 200, `{}`)
	for _, c := range []struct {
		change func(*ai.Endpoint)
		text   string
	}{
		{func(e *ai.Endpoint) { e.Provider = "" }, "No known AI provider is chosen"},
		{func(e *ai.Endpoint) { e.Provider = foreign }, "No known AI provider is chosen"},
		{func(e *ai.Endpoint) { e.Model = "" }, "No model is set for openai"},
		{func(e *ai.Endpoint) { e.APIKey = "" }, "No key is set for openai"},
		{func(e *ai.Endpoint) { e.APIKey = ""; e.Provider = ai.Anthropic }, "No key is set for anthropic"},
		{func(e *ai.Endpoint) { e.BaseURL = ""; e.Provider = ai.OpenAICompatible }, "No base URL is set for openai_compatible"},
		{func(e *ai.Endpoint) { e.BaseURL = "ftp://" + foreign }, "The base URL of openai must be an http or https URL with a host, such as https://ai.example.com/v1"},
		{func(e *ai.Endpoint) { e.BaseURL += "?" + foreign }, "The base URL of openai must have no query or fragment"},
		{func(e *ai.Endpoint) { e.APIKey += "\r\nX-Injected: 1" }, "The key of openai must have 1 to 512 characters, all visible ASCII, no blanks"},
	} {
		e := endpoint(ai.OpenAI, up.URL)
		c.change(&e)
		for name, call := range calls {
			require.EqualError(t, failure(t, call(t, newClient(t), e), ai.NotConfigured, name, c.text), c.text)
		}
	}
	require.Empty(t, up.got())
}

func TestRefusedAddresses(t *testing.T) {
	up := says(t, 200, `{}`)
	client := ai.NewClient(egress.Policy{AllowedHosts: []string{"other.example"}})
	defer client.Close()
	for _, base := range []string{up.URL, "", "http://169.254.169.254", "http://[::ffff:127.0.0.1]:1", "http://localhost"} {
		for name, call := range calls {
			f := failure(t, call(t, client, endpoint(ai.Ollama, base)), ai.Refused, name, base)
			require.ErrorIs(t, f, egress.ErrRefused)
			require.EqualError(t, f, "The address of ollama is not one that may be called: private ones need to be allowed in the configuration")
		}
	}
	require.Empty(t, up.got())
}

func TestCallersWhoLeave(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	up := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"type":`)
		_ = http.NewResponseController(w).Flush()
		cancel()
		<-r.Context().Done()
	})
	f := failure(t, newClient(t).Check(ctx, endpoint(ai.Anthropic, up.URL)), ai.Unreachable)
	require.ErrorIs(t, f, context.Canceled)
}
