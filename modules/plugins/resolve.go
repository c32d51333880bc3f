package plugins

import (
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"portico.internal/platform/errs"
	"portico.internal/platform/secrets"
)

// resolve puts what masks in a merge patch stand for in their places: a masked member of an object is left out, so that
// it stays as it is stored; in a list, which a merge patch replaces as a whole, the stored value comes back. A mask with
// no stored value behind it is an issue. The patch itself is not changed.
func (s *schema) resolve(stored, patch map[string]any) (map[string]any, []errs.Issue) {
	r := &resolver{schema: s}
	out := r.object(s.top(), stored, patch, []any{"body"}, true)
	return out, r.issues
}

type resolver struct {
	schema *schema
	issues []errs.Issue
}

// absent is the stored value where there is none.
type absent struct{}

// looksMasked tells texts that can only have come from a mask.
func looksMasked(value any) bool {
	text, ok := value.(string)
	return ok && strings.HasPrefix(text, secrets.Hidden)
}

// value resolves the value at one spot. kept says that it is what is stored there.
func (r *resolver) value(at spot, stored, patch any, loc []any, merging bool) (out any, kept bool) {
	if text, ok := patch.(string); ok && at.hidden {
		if stored != (any)(absent{}) && text != "" && hide(stored) == patch {
			return stored, true
		}
		if looksMasked(patch) {
			r.fail(loc)
		}
		return patch, false
	}
	switch patch := patch.(type) {
	case map[string]any:
		old, _ := stored.(map[string]any)
		return r.object(at, old, patch, loc, merging), false
	case []any:
		old, _ := stored.([]any)
		return r.list(at, old, patch, loc), false
	}
	return patch, false
}

func (r *resolver) object(at spot, stored, patch map[string]any, loc []any, merging bool) map[string]any {
	out := make(map[string]any, len(patch))
	for _, key := range slices.Sorted(maps.Keys(patch)) {
		change := patch[key]
		old, there := stored[key]
		next := r.schema.member(at, key, change)
		if there {
			next = r.schema.member(at, key, old)
		} else {
			old = absent{}
		}
		value, kept := r.value(next, old, change, append(loc[:len(loc):len(loc)], key), merging)
		if !kept || !merging {
			out[key] = value
		}
	}
	return out
}

func (r *resolver) list(at spot, stored, patch []any, loc []any) []any {
	out := make([]any, len(patch))
	p := r.pair(at, stored, patch)
	for i, change := range patch {
		here := r.schema.item(at, i)
		var old any = absent{}
		if j := p.counterpart(i); j >= 0 && sameParts(here, r.schema.item(at, j)) {
			old = stored[j]
		}
		out[i], _ = r.value(here, old, change, append(loc[:len(loc):len(loc)], i), false)
	}
	return out
}

// pairing finds the items of a stored list that those of a patch stand for.
type pairing struct {
	stored  []any // their ids, as clients know them; nil where there is none
	patch   []any
	byID    map[any][]int // places in stored
	patches map[any]int   // how many items of the patch have the id
}

func (r *resolver) pair(at spot, stored, patch []any) pairing {
	p := pairing{byID: map[any][]int{}, patches: map[any]int{}}
	for i, item := range stored {
		id := idOf(r.schema.show(r.schema.item(at, i), item))
		p.stored = append(p.stored, id)
		p.byID[id] = append(p.byID[id], i)
	}
	for _, item := range patch {
		id := idOf(item)
		p.patch = append(p.patch, id)
		p.patches[id]++
	}
	return p
}

// counterpart is the place of the stored item with the id of item i of the patch or, where it has none or others have it
// too, that in the same place while the list is as long as it was. It is -1 where there is none.
func (p pairing) counterpart(i int) int {
	id := p.patch[i]
	switch places := p.byID[id]; {
	case id != nil && len(places) == 1 && p.patches[id] == 1:
		return places[0]
	case len(p.stored) == len(p.patch) && p.stored[i] == id:
		return i
	}
	return -1
}

// idOf is the id of an item, nil where it has none.
func idOf(item any) any {
	object, _ := item.(map[string]any)
	switch id := object["id"].(type) {
	case string, number:
		return id
	}
	return nil
}

// sameParts tells whether the schema says the same of two spots: what is a secret here is one there.
func sameParts(a, b spot) bool {
	within := func(a, b []*jsonschema.Schema) bool {
		return !slices.ContainsFunc(a, func(p *jsonschema.Schema) bool { return !slices.Contains(b, p) })
	}
	return within(a.parts, b.parts) && within(b.parts, a.parts)
}

func (r *resolver) fail(loc []any) {
	if len(r.issues) < maxIssues {
		r.issues = append(r.issues, errs.ValueError("the mask stands for no stored value here; send the value itself", nil, loc...))
	}
}
