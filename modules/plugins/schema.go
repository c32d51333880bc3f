package plugins

import (
	stdjson "encoding/json"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// serviceOut is a feature service and how it is.
type serviceOut struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Status    string    `json:"status" enum:"healthy,degraded,unhealthy"`
	LatencyMS int64     `json:"latency_ms" doc:"How long the answer took, or how long it was waited for"`
	CheckedAt time.Time `json:"checked_at"`
	Detail    string    `json:"detail"`
}

// PluginOut is a feature service that a user may use.
type PluginOut struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	Version     string  `json:"version"`
	Description string  `json:"description"`
	Icon        *string `json:"icon"`
	Status      string  `json:"status" enum:"available,unavailable"`
	Reason      *string `json:"reason" doc:"Why it is unavailable"`
}

// manifestOut is a manifest as it is shown.
type manifestOut struct {
	ID             string             `json:"id"`
	Name           string             `json:"name"`
	Version        string             `json:"version"`
	Description    string             `json:"description"`
	Icon           *string            `json:"icon" doc:"The name of an icon, an emoji, or a data URL of a PNG, JPEG, GIF or WebP"`
	RequiredGroups []string           `json:"required_groups" doc:"Ids and names; whoever is in one of the groups may use the plugin, with none only superusers"`
	SettingsSchema stdjson.RawMessage `json:"settings_schema" doc:"JSON Schema, draft 2020-12"`
}

// mergePatch is the body of a PATCH: an object with any members (RFC 7396).
type mergePatch struct {
	// Secrets is a field that nobody sends. It makes the whole of the body secret, so that no error shows any of it.
	Secrets any `json:"-secrets,omitempty" hidden:"true" writeOnly:"true"`

	raw jsontext.Value
}

// UnmarshalJSONFrom keeps the body as it was sent.
func (p *mergePatch) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	p.raw = raw.Clone()
	return err
}
