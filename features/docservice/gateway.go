package docservice

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"portico.internal/platform/ai"
	"portico.internal/platform/errs"
	"portico.internal/platform/feature"
	"portico.internal/platform/recent"
)

const (
	gatewayTimeout = 2 * time.Second
	maxSetting     = 1 << 20 // bytes
)

// gateway knows the workspace's settings. A service without a gateway has a gateway that has no settings.
type gateway struct {
	limits *setting[limits]
	ai     *setting[aiSettings]
	prompt *setting[systemPrompt]
	client *http.Client
}

// limits says how large an upload may be.
type limits struct {
	MaxPDFMB int64 `json:"max_pdf_mb"` // of 1,048,576 bytes, the frame aside
}

// aiSettings says which AI there is. It holds keys: it is never logged.
type aiSettings struct {
	Provider  ai.Provider `json:"provider"` // empty: none
	Providers map[ai.Provider]struct {
		Model       string `json:"model"`
		BaseURL     string `json:"base_url"` // empty: the provider's own
		APIKey      string `json:"api_key"`
		APIKeyError string `json:"api_key_error"` // why there is a key and yet none in APIKey
	} `json:"providers"`
	AllowedHosts []string `json:"allowed_hosts"`
}

// address is the provider and the place of the AI, to which a key belongs; empty where there is none.
func (s *aiSettings) address() string {
	if s == nil {
		return ""
	}
	base := cmp.Or(s.Providers[s.Provider].BaseURL, s.Provider.DefaultURL())
	if base == "" {
		return ""
	}
	return string(s.Provider) + " " + base
}

// systemPrompt says how the AI is to classify.
type systemPrompt struct {
	Prompt string `json:"prompt"`
}

func newGatewayClient() *http.Client {
	return &http.Client{
		Timeout: gatewayTimeout,
		Transport: &http.Transport{
			Proxy:               nil, // the gateway is reached directly, whatever the environment says
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     30 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // the token stays here
	}
}

func newGateway(at feature.Gateway, log *slog.Logger) (*gateway, error) {
	client := newGatewayClient()
	if at == (feature.Gateway{}) {
		return &gateway{&setting[limits]{}, &setting[aiSettings]{}, &setting[systemPrompt]{}, client}, nil
	}
	base, err := url.Parse(at.URL)
	switch {
	case at.URL == "":
		return nil, errors.New("gateway: its URL is missing")
	case err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Hostname() == "" ||
		base.User != nil || base.RawQuery != "" || base.Fragment != "": // not repeated: who errs may have put a password there
		return nil, errors.New("gateway: the URL must be http or https with a host, without user, query and fragment")
	case at.Token == "":
		return nil, errors.New("gateway: the token to show there is missing")
	}
	at.URL = strings.TrimRight(at.URL, "/") + "/internal/settings/"
	return &gateway{
		limits: newSetting[limits](client, at, "documents/limits", log),
		ai:     newSetting[aiSettings](client, at, "ai", log),
		prompt: newSetting[systemPrompt](client, at, "system-prompts/"+serviceID, log),
		client: client,
	}, nil
}

// exists tells whether there is a gateway at all.
func (g *gateway) exists() bool { return g.ai.cache != nil }

var errNoAddress = errs.New(errs.BadRequest, "There is no AI yet that an API key could be for; choose one in the settings of the workspace first")

// address is that of the AI as it is configured at this moment. It fails with BadRequest where there is none, and with
// Unavailable where the gateway does not answer.
func (g *gateway) address(ctx context.Context) (string, error) {
	settings, err := g.ai.now(ctx)
	if err != nil {
		return "", errs.Wrap(errs.Unavailable, noSettings, err)
	}
	address := settings.address()
	if address == "" {
		return "", errNoAddress
	}
	return address, nil
}

func (g *gateway) close() { g.client.CloseIdleConnections() }

// setting is one of the gateway's settings. The zero setting is one that the gateway does not have.
type setting[T any] struct {
	name, url string
	token     string
	client    *http.Client
	log       *slog.Logger
	cache     *recent.Cache[*T]

	mu      sync.Mutex
	last    answer[T]
	trouble bool // has been logged and is not over
}

// answer is what the gateway has said about a setting.
type answer[T any] struct {
	given bool
	value *T // nil: there is no such setting
	tag   string
}

func newSetting[T any](client *http.Client, at feature.Gateway, name string, log *slog.Logger) *setting[T] {
	s := &setting[T]{name: name, url: at.URL + name, token: at.Token, client: client, log: log}
	s.cache = recent.New(1, func(ctx context.Context, _ string) (*T, error) { return s.load(ctx) })
	return s
}

// get returns the setting as it was at most [recent.MaxAge] ago, or before the gateway ceased to answer, and nil when
// the gateway has no such setting. It fails while the gateway has never answered. The value must not be changed.
func (s *setting[T]) get(ctx context.Context) (*T, error) {
	if s.cache == nil {
		return nil, nil
	}
	return s.cache.Get(ctx, "")
}

// now is get for who must not go by what was: it fails while the gateway does not answer.
func (s *setting[T]) now(ctx context.Context) (*T, error) {
	if s.cache == nil {
		return nil, nil
	}
	answer, err := s.ask(ctx, answer[T]{})
	return answer.value, err
}

func (s *setting[T]) load(ctx context.Context) (*T, error) {
	s.mu.Lock()
	before := s.last
	s.mu.Unlock()
	now, err := s.ask(ctx, before)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(ctx, err)
	switch {
	case err == nil:
		s.last = now
	case !s.last.given:
		return nil, err
	}
	return s.last.value, nil
}

// note logs trouble when it begins and when it is over.
func (s *setting[T]) note(ctx context.Context, err error) {
	switch {
	case err != nil && !s.trouble:
		s.log.WarnContext(ctx, "the gateway does not tell its settings; they stay as they were", "setting", s.name, "error", err)
	case err == nil && s.trouble:
		s.log.InfoContext(ctx, "the gateway tells its settings again", "setting", s.name)
	}
	s.trouble = err != nil
}

func (s *setting[T]) ask(ctx context.Context, before answer[T]) (answer[T], error) {
	var none answer[T]
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return none, err
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	if before.tag != "" {
		r.Header.Set("If-None-Match", before.tag)
	}
	res, err := s.client.Do(r)
	if err != nil {
		return none, err
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		return before, nil
	case http.StatusNotFound:
		return answer[T]{given: true}, nil
	default:
		return none, fmt.Errorf("the gateway answers %s", res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxSetting+1))
	if err != nil {
		return none, err
	}
	value := new(T)
	if len(body) > maxSetting || json.Unmarshal(body, value) != nil { // why is not told: a reason may quote a key
		return none, errors.New("the gateway's answer cannot be read")
	}
	return answer[T]{true, value, res.Header.Get("ETag")}, nil
}
