package plugins

import (
	"errors"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"portico.internal/platform/errs"
)

// check holds settings as they will be against the schema. What the schema does not know is only looked at where the
// patch brings it: what an older schema has left must not keep people from saving.
func (s *schema) check(settings, patch map[string]any) []errs.Issue {
	if s.root.Validate(forLibrary(settings)) == nil {
		return nil
	}
	rest := s.withoutLeftovers(s.top(), settings, patch, true).(map[string]any)
	err := s.root.Validate(forLibrary(rest))
	var refused *jsonschema.ValidationError
	if !errors.As(err, &refused) {
		return nil
	}
	r := &report{schema: s, settings: rest, names: map[badName]bool{}}
	r.add(refused)
	if len(r.names) > 0 {
		r.addNames(s.top(), rest, nil)
	}
	return r.issues()
}

// withoutLeftovers copies a value without the members that the schema neither knows nor requires and the patch does not
// give a value. patched is whether the patch speaks about the value.
func (s *schema) withoutLeftovers(at spot, value, patch any, patched bool) any {
	switch value := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(value))
		changes, _ := patch.(map[string]any)
		for key, member := range value {
			change, named := changes[key]
			named = named && patched && !looksMasked(change)
			next := s.member(at, key, member)
			if named || next.known || requires(at, key) {
				out[key] = s.withoutLeftovers(next, member, change, named)
			}
		}
		return out
	case []any:
		out := make([]any, len(value))
		changes, _ := patch.([]any)
		for i, item := range value {
			if patched && i < len(changes) {
				out[i] = s.withoutLeftovers(s.item(at, i), item, changes[i], true)
			} else {
				out[i] = s.withoutLeftovers(s.item(at, i), item, nil, false)
			}
		}
		return out
	}
	return value
}

func requires(at spot, key string) bool {
	return slices.ContainsFunc(at.parts, func(p *jsonschema.Schema) bool { return slices.Contains(p.Required, key) })
}
