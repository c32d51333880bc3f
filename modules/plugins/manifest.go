package plugins

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"

	"portico.internal/platform/sanitize"
)

const (
	maxManifest    = 256 << 10 // bytes
	maxName        = 200       // characters
	maxVersion     = 64
	maxDescription = 2000
	maxIcon        = 32 << 10 // bytes
	maxGroups      = 100
	maxGroup       = 128 // characters
)

// manifest is what a feature service says about itself, cleaned.
type manifest struct {
	out    manifestOut
	groups required
	schema *schema
}

// readManifest reads the manifest of the service with the id. Its errors say what is wrong in words of ours.
func readManifest(id string, raw []byte) (*manifest, error) {
	object, err := parseObject(raw)
	if err != nil {
		return nil, fmt.Errorf("the manifest %w", err)
	}
	if object["id"] != id {
		return nil, errors.New("the manifest is that of another id")
	}
	m := &manifest{out: manifestOut{ID: id, Icon: icon(object["icon"])}}
	for _, text := range []struct {
		name     string
		to       *string
		clean    func(string) string
		most     int
		optional bool
	}{
		{"name", &m.out.Name, sanitize.Line, maxName, false},
		{"version", &m.out.Version, sanitize.Line, maxVersion, false},
		{"description", &m.out.Description, sanitize.Text, maxDescription, true},
	} {
		value, there := object[text.name]
		given, isText := value.(string)
		*text.to = text.clean(given)
		switch {
		case there && !isText && (value != nil || !text.optional):
			return nil, fmt.Errorf("the %s in the manifest is not a text", text.name)
		case *text.to == "" && !text.optional:
			return nil, fmt.Errorf("the %s in the manifest is missing", text.name)
		case utf8.RuneCountInString(*text.to) > text.most:
			return nil, fmt.Errorf("the %s in the manifest is too long", text.name)
		}
	}
	m.out.RequiredGroups = groupList(object["required_groups"])
	m.groups = requiredGroups(m.out.RequiredGroups)
	if m.schema, err = compileSchema(object["settings_schema"]); err != nil {
		return nil, err
	}
	var asWritten struct {
		SettingsSchema stdjson.RawMessage `json:"settings_schema"`
	}
	if err := json.Unmarshal(raw, &asWritten); err != nil {
		return nil, fmt.Errorf("the manifest %w", errSyntax)
	}
	m.out.SettingsSchema = asWritten.SettingsSchema
	return m, nil
}

// groupList is empty unless the value is a list of group ids and names: then only superusers may use the plugin.
func groupList(value any) []string {
	list, _ := value.([]any)
	names := []string{}
	for _, item := range list {
		name, _ := item.(string)
		if name = sanitize.Line(name); name == "" || utf8.RuneCountInString(name) > maxGroup || len(list) > maxGroups {
			return []string{}
		}
		names = append(names, name)
	}
	return names
}

var image = regexp.MustCompile(`^data:image/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+={0,2}$`)

// icon is the name of an icon, an emoji, or a picture in the manifest itself. Anything else is left out: an address would
// have every browser call it, and SVG may hold a script.
func icon(value any) *string {
	text, _ := value.(string)
	if len(text) <= maxIcon && image.MatchString(text) {
		return &text
	}
	if text = sanitize.Line(text); text == "" || utf8.RuneCountInString(text) > 64 || strings.ContainsAny(text, `/\:<>"'&%`) {
		return nil
	}
	return &text
}
