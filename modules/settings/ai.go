package settings

import (
	"log/slog"
	"net/url"
	"strings"

	"portico.internal/platform/ai"
	"portico.internal/platform/egress"
	"portico.internal/platform/errs"
	"portico.internal/platform/secrets"
)

// aiDocument is the setting ai: which provider answers, and how each of them is reached.
type aiDocument struct {
	Provider  *ai.Provider           `json:"provider"` // null: none
	Providers byProvider[aiProvider] `json:"providers"`
}

type aiProvider struct {
	Model   *string `json:"model"`
	BaseURL *string `json:"base_url"` // null: the provider's own
	APIKey  Secret  `json:"api_key"`
}

// byProvider has one T for each of [ai.Providers].
type byProvider[T any] struct {
	Anthropic        T `json:"anthropic"`
	OpenAI           T `json:"openai"`
	Ollama           T `json:"ollama"`
	OpenAICompatible T `json:"openai_compatible"`
}

func (b *byProvider[T]) of(p ai.Provider) *T {
	switch p {
	case ai.Anthropic:
		return &b.Anthropic
	case ai.OpenAI:
		return &b.OpenAI
	case ai.Ollama:
		return &b.Ollama
	default:
		return &b.OpenAICompatible
	}
}

// aiSettings are the workspace's ways to language models.
type aiSettings struct {
	store        *Store
	log          *slog.Logger
	setting      *Typed[aiDocument]
	allowedHosts []string
	client       *ai.Client
	tests        chan struct{} // holds one for each test under way
}

func newAI(s *Store, c Config, log *slog.Logger) *aiSettings {
	a := &aiSettings{
		store: s, log: log, setting: Of(s, "ai", aiDocument{}), allowedHosts: c.AllowedHosts,
		client: ai.NewClient(egress.Policy{AllowedHosts: c.AllowedHosts}), tests: make(chan struct{}, maxTests),
	}
	a.setting.OnRestore = restoreAI
	return a
}

// apply changes the setting as an admin asks. It fails with errs.Invalid where a mask is sent that is none of the key
// it stands for.
func (a *aiSettings) apply(v *aiDocument, u *aiUpdate) error {
	if u.Provider.Set {
		v.Provider = u.Provider.Pointer()
	}
	var issues []errs.Issue
	for _, p := range ai.Providers {
		if !a.applyTo(p, v.Providers.of(p), u.Providers.of(p)) {
			issues = append(issues, errs.ValueError("this is a mask, and not that of the stored key", secrets.Hidden,
				"body", "providers", string(p), "api_key"))
		}
	}
	if len(issues) > 0 {
		return errs.InvalidInput(issues...)
	}
	return nil
}

// applyTo tells whether the key could be understood. The stored one stays only where its address does: it is never
// sent to another than the one it was stored with.
func (a *aiSettings) applyTo(p ai.Provider, v *aiProvider, u *aiProviderUpdate) bool {
	address, mask := v.address(p), a.store.Mask(v.APIKey)
	if u.Model.Set {
		v.Model = u.Model.Pointer()
	}
	if u.BaseURL.Set {
		v.BaseURL = u.BaseURL.Pointer()
	}
	switch key := u.APIKey; {
	case !key.Set, mask != nil && key.Value == *mask:
		if v.address(p) != address {
			v.APIKey = Secret{}
		}
	case key.Null:
		v.APIKey = Secret{}
	case strings.HasPrefix(key.Value, secrets.Hidden):
		return false
	default:
		v.APIKey = a.setting.Seal("providers."+string(p)+".api_key", key.Value)
	}
	return true
}

// restoreAI takes the present keys from addresses that they were not stored with.
func restoreAI(_ *Change, present aiDocument, past *aiDocument) error {
	for _, p := range ai.Providers {
		if v := past.Providers.of(p); v.address(p) != present.Providers.of(p).address(p) {
			v.APIKey = Secret{}
		}
	}
	return nil
}

// address is where calls go, spelled so that equal ones are the same place. What is only likely to be the same place,
// such as a default port that is written out, is another one.
func (v *aiProvider) address(p ai.Provider) string {
	text := p.DefaultURL()
	if v.BaseURL != nil {
		text = *v.BaseURL
	}
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	u.Host = strings.ToLower(u.Host)
	return strings.TrimRight(u.String(), "/")
}

// endpoint is how the chosen provider is called. It fails with the errors of [Store.Open].
func (a *aiSettings) endpoint(v *aiDocument) (ai.Endpoint, error) {
	if v.Provider == nil {
		return ai.Endpoint{}, nil
	}
	p := v.Providers.of(*v.Provider)
	key, err := a.store.Open(p.APIKey)
	return ai.Endpoint{Provider: *v.Provider, Model: text(p.Model), BaseURL: text(p.BaseURL), APIKey: key}, err
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}
