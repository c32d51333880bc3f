package plugins

import (
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"portico.internal/platform/secrets"
)

// secretFormat is the format of a schema that makes its value a secret, as writeOnly does.
const secretFormat = "password"

// spot is a place in a document: the parts of the schema that may apply to what is there.
type spot struct {
	parts  []*jsonschema.Schema
	hidden bool // it is a secret, or nobody knows that it is none
	known  bool // the schema speaks about it
}

func (s *schema) top() spot {
	parts := s.all([]*jsonschema.Schema{s.root})
	return spot{parts, slices.ContainsFunc(parts, secret), true}
}

func secret(part *jsonschema.Schema) bool {
	return part.WriteOnly || part.Format != nil && part.Format.Name == secretFormat
}

// member is the spot of a member of an object. One that the schema does not name may be what an older schema had a name
// for: it is taken for known only where a pattern, or what is said of additional members, is true of its value.
func (s *schema) member(at spot, key string, value any) spot {
	var named, others []*jsonschema.Schema
	for _, part := range at.parts {
		n, o := forMember(part, key)
		named, others = append(named, n...), append(others, o...)
	}
	parts := s.all(slices.Concat(named, others))
	known := len(named) > 0 || s.fits(others, value)
	return spot{parts, at.hidden || !known || slices.ContainsFunc(parts, secret), known}
}

// fits tells whether one of the parts that say more than yes or no is true of the value, as far as the value itself goes.
func (s *schema) fits(list []*jsonschema.Schema, value any) bool {
	return slices.ContainsFunc(list, func(part *jsonschema.Schema) bool {
		switch value.(type) {
		case map[string]any, []any:
		default:
			return part.Bool == nil && part.Validate(forLibrary(value)) == nil
		}
		typed, right := false, false
		for _, p := range s.all([]*jsonschema.Schema{part}) {
			if p.Types != nil {
				typed, right = true, right || slices.Contains(p.Types.ToStrings(), typeName(value))
			}
		}
		return part.Bool == nil && (right || !typed)
	})
}

func typeName(value any) string {
	if _, ok := value.(map[string]any); ok {
		return "object"
	}
	return "array"
}

// item is the spot of an item of a list.
func (s *schema) item(at spot, i int) spot {
	var list []*jsonschema.Schema
	for _, part := range at.parts {
		list = append(list, forItem(part, i)...)
	}
	parts := s.all(list)
	return spot{parts, at.hidden || slices.ContainsFunc(parts, secret), true}
}

// mask is what may be shown of settings: secrets, at any depth and in any of the alternatives of a schema, and values
// that the schema does not know are replaced by their masks.
func (s *schema) mask(settings map[string]any) map[string]any {
	out, top := make(map[string]any, len(settings)), s.top()
	for key, value := range settings {
		out[key] = s.show(s.member(top, key, value), value)
	}
	return out
}

func (s *schema) show(at spot, value any) any {
	if at.hidden {
		return hide(value)
	}
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		for key, member := range value {
			out[key] = s.show(s.member(at, key, member), member)
		}
		return out
	case []any:
		out := make([]any, len(value))
		for i, item := range value {
			out[i] = s.show(s.item(at, i), item)
		}
		return out
	}
	return value
}

// hide is the mask of a value. That there is none may be seen.
func hide(value any) any {
	switch value := value.(type) {
	case nil:
		return nil
	case string:
		if value == "" {
			return ""
		}
		return secrets.Mask(value)
	}
	return secrets.Hidden
}

// minSecretNumber is how many digits a number must have to be a secret by itself: there are not many of fewer.
const minSecretNumber = 3

// secretTexts are the texts and numbers in settings that mask hides.
func (s *schema) secretTexts(settings map[string]any) []string {
	var list []string
	var walk func(at spot, value any)
	walk = func(at spot, value any) {
		switch value := value.(type) {
		case map[string]any:
			for key, member := range value {
				walk(s.member(at, key, member), member)
			}
		case []any:
			for i, item := range value {
				walk(s.item(at, i), item)
			}
		case string:
			if at.hidden && value != "" {
				list = append(list, value)
			}
		case number:
			if at.hidden && len(value) >= minSecretNumber {
				list = append(list, string(value))
			}
		}
	}
	top := s.top()
	for key, value := range settings {
		walk(s.member(top, key, value), value)
	}
	return list
}
