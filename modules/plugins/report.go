package plugins

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"portico.internal/platform/errs"
	"portico.internal/platform/secrets"
)

const (
	maxIssues = 100
	maxInput  = 2 << 10 // bytes of JSON that an issue may show
)

// report makes issues of what the validator found.
type report struct {
	schema   *schema
	settings map[string]any
	found    []finding
	names    map[badName]bool
}

// badName is a name that propertyNames does not allow, and where in the schema it says so. The validator does not say
// reliably where in the document that is.
type badName struct{ schema, name string }

// finding is an issue with the steps to the value it is about, of which the last may be missing.
type finding struct {
	errs.Issue
	at      []string
	missing bool
}

func (r *report) add(e *jsonschema.ValidationError) {
	at := e.InstanceLocation
	switch k := e.ErrorKind.(type) {
	case *kind.Required:
		r.addMissing(at, k.Missing)
	case *kind.DependentRequired:
		r.addMissing(at, k.Missing)
	case *kind.Dependency:
		r.addMissing(at, k.Missing)
	case *kind.AdditionalProperties:
		for _, key := range k.Properties {
			r.found = append(r.found, finding{describe(k), below(at, key), false})
		}
	case *kind.PropertyNames:
		r.names[badName{e.SchemaURL, k.Property}] = true
	case *kind.Contains, *kind.MinContains: // their causes speak of other places
		r.found = append(r.found, finding{describe(k), at, false})
	default:
		for _, cause := range e.Causes {
			r.add(cause)
		}
		if len(e.Causes) == 0 {
			r.found = append(r.found, finding{describe(k), at, false})
		}
	}
}

func (r *report) addMissing(at, keys []string) {
	for _, key := range keys {
		r.found = append(r.found, finding{errs.Issue{Type: "missing", Msg: "Field required"}, below(at, key), true})
	}
}

// addNames looks for the objects with bad names.
func (r *report) addNames(here spot, value any, at []string) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			bad := slices.ContainsFunc(here.parts, func(p *jsonschema.Schema) bool {
				return p.PropertyNames != nil && r.names[badName{p.PropertyNames.Location, name}]
			})
			if bad {
				r.found = append(r.found, finding{broken("holds a name that is not allowed"), at, false})
			}
			r.addNames(r.schema.member(here, name, member), member, below(at, name))
		}
	case []any:
		for i, item := range value {
			r.addNames(r.schema.item(here, i), item, below(at, strconv.Itoa(i)))
		}
	}
}

func below(at []string, key string) []string { return append(at[:len(at):len(at)], key) }

// issues are the first ones, in the order of their places.
func (r *report) issues() []errs.Issue {
	for i := range r.found {
		r.found[i].Loc = r.loc(r.found[i].at)
	}
	order := func(a, b finding) int {
		return cmp.Or(slices.CompareFunc(a.Loc, b.Loc, compareSteps), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Msg, b.Msg))
	}
	slices.SortFunc(r.found, order)
	r.found = slices.CompactFunc(r.found, func(a, b finding) bool { return order(a, b) == 0 }) // of several alternatives
	var list []errs.Issue
	for _, f := range r.found[:min(len(r.found), maxIssues)] {
		at := f.at
		if f.missing {
			at = at[:len(at)-1]
		}
		f.Input = r.input(at)
		list = append(list, f.Issue)
	}
	return list
}

// loc is the steps with the indexes of lists as numbers.
func (r *report) loc(at []string) []any {
	loc := []any{"body"}
	var value any = r.settings
	for _, step := range at {
		switch v := value.(type) {
		case []any:
			i, _ := strconv.Atoi(step)
			value = nil
			if i >= 0 && i < len(v) {
				value = v[i]
			}
			loc = append(loc, i)
		default:
			object, _ := v.(map[string]any)
			value = object[step]
			loc = append(loc, step)
		}
	}
	return loc
}

// input is what may be shown of a value, nil for one that is too long.
func (r *report) input(at []string) any {
	var value any = r.settings
	here := r.schema.top()
	for _, step := range at {
		switch v := value.(type) {
		case map[string]any:
			value = v[step]
			here = r.schema.member(here, step, value)
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(v) {
				return nil
			}
			value = v[i]
			here = r.schema.item(here, i)
		default:
			return nil
		}
	}
	switch {
	case len(at) == 0:
		value = r.schema.mask(r.settings)
	case here.hidden && value != nil:
		value = secrets.Hidden
	default:
		value = r.schema.show(here, value)
	}
	if text, err := json.Marshal(value); err != nil || len(text) > maxInput {
		return nil
	}
	return value
}

// compareSteps orders the steps of a Loc: indexes before names.
func compareSteps(a, b any) int {
	i, aIsIndex := a.(int)
	j, bIsIndex := b.(int)
	switch {
	case aIsIndex && bIsIndex:
		return cmp.Compare(i, j)
	case aIsIndex:
		return -1
	case bIsIndex:
		return 1
	}
	return cmp.Compare(a.(string), b.(string))
}
