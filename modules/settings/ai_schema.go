package settings

import (
	"portico.internal/platform/ai"
	"portico.internal/platform/errs"
	"portico.internal/platform/sanitize"
	"portico.internal/platform/web"
)

// aiUpdate sets the fields that are given. All of them are write-only: an error shows none, since a key may have been
// put into the wrong one.
type aiUpdate struct {
	Provider  web.Optional[ai.Provider] `json:"provider,omitzero" nullable:"true" writeOnly:"true" enum:"anthropic,openai,ollama,openai_compatible" doc:"Null: none"`
	Providers aiUpdates                 `json:"providers,omitzero"`
}

type aiUpdates struct {
	Anthropic        aiProviderUpdate `json:"anthropic,omitzero"`
	OpenAI           aiProviderUpdate `json:"openai,omitzero"`
	Ollama           aiProviderUpdate `json:"ollama,omitzero"`
	OpenAICompatible aiProviderUpdate `json:"openai_compatible,omitzero"`
}

func (u *aiUpdates) of(p ai.Provider) *aiProviderUpdate {
	return (*byProvider[aiProviderUpdate])(u).of(p)
}

type aiProviderUpdate struct {
	Model   web.Optional[string] `json:"model,omitzero" nullable:"true" writeOnly:"true" doc:"1 to 200 characters"`
	BaseURL web.Optional[string] `json:"base_url,omitzero" nullable:"true" writeOnly:"true" maxLength:"2048" doc:"Null: the provider's own. A change drops the stored key, unless a new one comes with it"`
	APIKey  web.Optional[string] `json:"api_key,omitzero" nullable:"true" writeOnly:"true" minLength:"1" maxLength:"512" doc:"The mask of the stored key keeps it"`
}

var _ web.Checker = (*aiUpdate)(nil)

// Check brings the fields into the form in which they are stored.
func (u *aiUpdate) Check(c *web.Check) {
	for _, p := range ai.Providers {
		at, name := u.Providers.of(p), string(p)
		if at.Model.Pointer() != nil {
			web.Apply(c, &at.Model.Value, cleanModel, "providers", name, "model")
		}
		if at.BaseURL.Pointer() != nil {
			web.Apply(c, &at.BaseURL.Value, same(ai.CheckBaseURL), "providers", name, "base_url")
		}
		if at.APIKey.Pointer() != nil {
			web.Apply(c, &at.APIKey.Value, same(ai.CheckKey), "providers", name, "api_key")
		}
	}
}

const maxModel = 200

func cleanModel(name string) (string, error) {
	if name = sanitize.Line(name); name == "" {
		return "", errs.InvalidInput(errs.Issue{Type: "string_too_short", Msg: "String should have at least 1 character", Ctx: map[string]any{"min_length": 1}})
	}
	return name, web.AtMost(maxModel, name)
}

// same cleans nothing.
func same(check func(string) error) func(string) (string, error) {
	return func(text string) (string, error) { return text, check(text) }
}

// aiOut is the setting as it may be shown.
type aiOut struct {
	Provider  *ai.Provider              `json:"provider" enum:"anthropic,openai,ollama,openai_compatible" doc:"Null: none is chosen"`
	Providers byProvider[aiProviderOut] `json:"providers"`
}

type aiProviderOut struct {
	Model       *string `json:"model"`
	BaseURL     *string `json:"base_url" doc:"Null: the provider's own"`
	APIKey      *string `json:"api_key" doc:"A mask; null: there is none"`
	HasAPIKey   bool    `json:"has_api_key"`
	APIKeyError string  `json:"api_key_error,omitempty" doc:"There only when the stored key cannot be decrypted"`
}

// aiInternal is the setting with its keys in clear.
type aiInternal struct {
	Provider     *ai.Provider              `json:"provider" enum:"anthropic,openai,ollama,openai_compatible" doc:"Null: none is chosen"`
	Providers    byProvider[aiProviderOut] `json:"providers"`
	AllowedHosts []string                  `json:"allowed_hosts" doc:"Private hosts that providers may be at, as host or host:port; no other private address may be called"`
}

// aiTestOut is what has come of a test.
type aiTestOut struct {
	OK        bool         `json:"ok"`
	Provider  *ai.Provider `json:"provider" enum:"anthropic,openai,ollama,openai_compatible"`
	Model     *string      `json:"model"`
	LatencyMS *int64       `json:"latency_ms" doc:"Null unless the provider has answered"`
	Detail    string       `json:"detail"`
}
