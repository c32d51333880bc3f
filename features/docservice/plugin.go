package docservice

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"portico.internal/platform/ai"
	"portico.internal/platform/errs"
	"portico.internal/platform/secrets"
	"portico.internal/platform/web"
)

// Manifest is what the service tells the gateway of itself.
type Manifest struct {
	ID             string          `json:"id"`
	Name           string          `json:"name"`
	Version        string          `json:"version"`
	Description    string          `json:"description"`
	Icon           string          `json:"icon"`
	RequiredGroups []string        `json:"required_groups" doc:"Whoever is in one of them may change the settings; with none only superusers"`
	SettingsSchema json.RawMessage `json:"settings_schema" doc:"JSON Schema, draft 2020-12"`
}

const (
	serviceName    = "Documents"
	serviceVersion = "1.0.0" // of what the service offers; the schema of its settings is part of it
)

// settingsSchema says of the settings what [SettingsPatch] holds them to.
//
//go:embed settings_schema.json
var settingsSchema []byte

// Settings are what the service goes by.
type Settings struct {
	AllowedCategories []string `json:"allowed_categories"`
	AutoClassify      bool     `json:"auto_classify"`
	RetentionDays     *int     `json:"retention_days"`
	APIKey            *string  `json:"api_key" doc:"In clear: the gateway masks it"`
}

// SettingsPatch is a merge patch (RFC 7396) of the settings: null brings a default back.
type SettingsPatch struct {
	AllowedCategories web.Optional[[]string] `json:"allowed_categories,omitzero" maxItems:"200" nullable:"true"`
	AutoClassify      web.Optional[bool]     `json:"auto_classify,omitzero" nullable:"true"`
	RetentionDays     web.Optional[int]      `json:"retention_days,omitzero" minimum:"1" maximum:"36500" nullable:"true"`
	APIKey            web.Optional[string]   `json:"api_key,omitzero" nullable:"true" writeOnly:"true"`

	// Unknown are members with another name. Null is taken, and removes what another version may have left.
	Unknown map[string]any `json:",embed"`
}

// Check implements [web.Checker].
func (p *SettingsPatch) Check(c *web.Check) {
	for i := range p.AllowedCategories.Value {
		web.Apply(c, &p.AllowedCategories.Value[i], required("Category", maxName), "allowed_categories", i)
	}
	if p.AllowedCategories.Set {
		p.AllowedCategories.Value = unique(p.AllowedCategories.Value)
	}
	if p.APIKey.Pointer() != nil {
		web.Apply(c, &p.APIKey.Value, checkKey, "api_key")
	}
	for _, name := range slices.Sorted(maps.Keys(p.Unknown)) {
		if p.Unknown[name] != nil {
			c.Fail(errs.InvalidInput(errs.Issue{Type: "extra_forbidden", Msg: "Extra inputs are not permitted"}), name)
		}
	}
}

// checkKey also refuses a mask, which somebody has sent past the gateway.
func checkKey(key string) (string, error) {
	if strings.HasPrefix(key, secrets.Hidden) {
		return "", errors.New("is a mask; send the key itself")
	}
	return key, ai.CheckKey(key)
}

// keys are the names of the settings that the patch speaks about.
func (p *SettingsPatch) keys() []string {
	var names []string
	add := func(name string, set bool) {
		if set {
			names = append(names, name)
		}
	}
	add("allowed_categories", p.AllowedCategories.Set)
	add("auto_classify", p.AutoClassify.Set)
	add("retention_days", p.RetentionDays.Set)
	add("api_key", p.APIKey.Set)
	add("(unknown)", len(p.Unknown) > 0)
	return names
}

func (s *Service) serveManifest(context.Context, *web.None) (*web.Tagged[Manifest], error) {
	return web.Tag(0, Manifest{
		ID: serviceID, Name: serviceName, Version: serviceVersion, Icon: "📄",
		Description:    "Keeps PDF documents, shares them with groups, and has an AI sort them into categories.",
		RequiredGroups: s.requiredGroups, SettingsSchema: settingsSchema,
	})
}

// mayConfigure lets in superusers and, where there are required groups, whoever the gateway has let in: their names and
// ids are known there. To others the settings are not there.
func (s *Service) mayConfigure(r *http.Request) error {
	if callerFrom(r.Context()).admin || len(s.requiredGroups) > 0 {
		return nil
	}
	return errs.New(errs.NotFound, "")
}

func (s *Service) serveSettings(ctx context.Context, _ *web.None) (*web.Tagged[Settings], error) {
	stored, err := s.settings.read(ctx)
	if err != nil {
		return nil, err
	}
	return s.shown(ctx, stored)
}

func (s *Service) patchSettings(ctx context.Context, in *struct {
	web.IfMatch
	Body SettingsPatch
}) (*web.Tagged[Settings], error) {
	var address string
	if in.Body.APIKey.Pointer() != nil {
		var err error
		if address, err = s.gateway.address(ctx); err != nil {
			return nil, err
		}
	}
	who := callerFrom(ctx)
	stored, changed, err := s.settings.change(ctx, in.IfMatch, who.id, address, &in.Body)
	if err != nil {
		return nil, err
	}
	if changed {
		s.log.InfoContext(ctx, "settings changed", "user_id", who.id, "settings", in.Body.keys(), "version", stored.row.Version)
	}
	return s.shown(ctx, stored)
}

// shown is the reply that shows settings, the key in clear.
func (s *Service) shown(ctx context.Context, stored *storedSettings) (*web.Tagged[Settings], error) {
	out := stored.Settings
	key, err := s.settings.key(stored)
	switch {
	case err != nil:
		s.log.WarnContext(ctx, "the API key in the settings is lost", "error", err)
	case key != "":
		out.APIKey = &key
	}
	return web.Tag(stored.row.Version, out)
}

// cleanGroups checks the configured groups.
func cleanGroups(list []string) ([]string, error) {
	groups := []string{}
	for _, name := range list {
		if name = strings.TrimSpace(name); name != "" {
			groups = append(groups, name)
		}
		if tooLong(name, maxName) {
			return nil, fmt.Errorf("required_groups: a group has at most %d characters", maxName)
		}
	}
	if len(groups) > maxRequired {
		return nil, fmt.Errorf("required_groups: there are more than %d", maxRequired)
	}
	return groups, nil
}

const maxRequired = 100
