package plugins

import (
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxSchemaValues is how many values of JSON a settings_schema may be made of.
const maxSchemaValues = 5000

var (
	errNoSchema     = errors.New("settings_schema is missing")
	errLargeSchema  = errors.New("settings_schema is too large")
	errRemoteSchema = errors.New("settings_schema refers to another document")
	errBadSchema    = errors.New("settings_schema is not a JSON Schema of draft 2020-12")
)

// schema is a compiled settings_schema, and who speaks about what in it.
type schema struct {
	root    *jsonschema.Schema
	dynamic map[string][]*jsonschema.Schema // by $dynamicAnchor
}

// schemaURL is where a settings_schema says it is when it does not say itself.
const schemaURL = "https://plugin.invalid/settings_schema.json"

// nothing is the loader of documents that a schema refers to.
type nothing struct{ asked bool }

func (n *nothing) Load(string) (any, error) { n.asked = true; return nil, errRemoteSchema }

// compileSchema compiles a parsed settings_schema. What it returns as an error is one of those above or of a pattern.
func compileSchema(tree any) (*schema, error) {
	switch object, ok := tree.(map[string]any); {
	case tree == nil:
		return nil, errNoSchema
	case !ok:
		return nil, errBadSchema
	case countValues(object) > maxSchemaValues:
		return nil, errLargeSchema
	}
	expressions := &patterns{known: map[string]*pattern{}, steps: maxSteps}
	elsewhere := &nothing{}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(elsewhere)
	c.UseRegexpEngine(expressions.compile)
	c.RegisterFormat(&jsonschema.Format{Name: secretFormat, Validate: func(any) error { return nil }})
	c.AssertFormat()
	if err := c.AddResource(schemaURL, forLibrary(tree)); err != nil {
		return nil, errBadSchema
	}
	root, err := c.Compile(schemaURL)
	switch {
	case elsewhere.asked:
		return nil, errRemoteSchema
	case expressions.refused != nil:
		return nil, expressions.refused
	case err != nil:
		return nil, errBadSchema
	}
	s := &schema{root, map[string][]*jsonschema.Schema{}}
	for _, at := range dynamicAnchors(tree, "") {
		if part, err := c.Compile(schemaURL + "#" + at); err == nil && part.DynamicAnchor != "" {
			s.dynamic[part.DynamicAnchor] = append(s.dynamic[part.DynamicAnchor], part)
		}
	}
	expressions.sealed = true
	return s, s.inspect()
}

// dynamicAnchors finds where in the document one may be declared, as URI fragments. Whether a $dynamicRef leads to it
// depends on the way that a validator has come.
func dynamicAnchors(tree any, at string) []string {
	var list []string
	switch tree := tree.(type) {
	case map[string]any:
		if _, ok := tree["$dynamicAnchor"].(string); ok {
			list = append(list, at)
		}
		for _, key := range slices.Sorted(maps.Keys(tree)) {
			escaped := strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
			list = append(list, dynamicAnchors(tree[key], at+"/"+url.PathEscape(escaped))...)
		}
	case []any:
		for i, item := range tree {
			list = append(list, dynamicAnchors(item, at+"/"+strconv.Itoa(i))...)
		}
	}
	return list
}

// inspect looks at every part of the schema.
func (s *schema) inspect() error {
	seen := map[*jsonschema.Schema]bool{s.root: true}
	for queue := []*jsonschema.Schema{s.root}; len(queue) > 0; queue = queue[1:] {
		part := queue[0]
		switch {
		case !strings.HasPrefix(part.Location, schemaURL+"#"): // one that comes with the library
			return errRemoteSchema
		case part.DraftVersion != 2020 || part.RecursiveRef != nil:
			return errBadSchema
		}
		for _, p := range slices.Concat(s.alongside(part), parts(part)) {
			if !seen[p] {
				seen[p] = true
				queue = append(queue, p)
			}
		}
	}
	return nil
}

// alongside are the parts that a part brings in for the same value, whether they apply in the end or not.
func (s *schema) alongside(part *jsonschema.Schema) []*jsonschema.Schema {
	list := slices.Concat(part.AllOf, part.AnyOf, part.OneOf, sorted(part.DependentSchemas),
		[]*jsonschema.Schema{part.Ref, part.Not, part.If, part.Then, part.Else})
	for _, name := range slices.Sorted(maps.Keys(part.Dependencies)) {
		if p, ok := part.Dependencies[name].(*jsonschema.Schema); ok {
			list = append(list, p)
		}
	}
	if part.DynamicRef != nil {
		list = append(append(list, part.DynamicRef.Ref), s.dynamic[part.DynamicRef.Anchor]...)
	}
	return slices.DeleteFunc(list, func(p *jsonschema.Schema) bool { return p == nil })
}

// parts are the parts of a part that speak about members and items of its value.
func parts(part *jsonschema.Schema) []*jsonschema.Schema {
	list := slices.Concat(sorted(part.Properties), part.PrefixItems,
		[]*jsonschema.Schema{part.PropertyNames, part.UnevaluatedProperties, part.Contains, part.Items2020, part.UnevaluatedItems, additional(part)})
	for _, p := range part.PatternProperties {
		list = append(list, p)
	}
	return slices.DeleteFunc(list, func(p *jsonschema.Schema) bool { return p == nil })
}

func sorted(byName map[string]*jsonschema.Schema) []*jsonschema.Schema {
	var list []*jsonschema.Schema
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		list = append(list, byName[name])
	}
	return list
}

// additional is what a part says of other members, nil where it says no more than yes or no.
func additional(part *jsonschema.Schema) *jsonschema.Schema {
	p, _ := part.AdditionalProperties.(*jsonschema.Schema)
	return p
}

// all adds to the parts what they bring in for the same value.
func (s *schema) all(list []*jsonschema.Schema) []*jsonschema.Schema {
	var found []*jsonschema.Schema
	seen := map[*jsonschema.Schema]bool{}
	for queue := list; len(queue) > 0; queue = queue[1:] {
		if part := queue[0]; !seen[part] {
			seen[part] = true
			found = append(found, part)
			queue = append(queue[:len(queue):len(queue)], s.alongside(part)...)
		}
	}
	return found
}

// forMember are the parts of a part that speak about a member: those that name it, and those for others of its kind.
func forMember(part *jsonschema.Schema, key string) (named, others []*jsonschema.Schema) {
	if p := part.Properties[key]; p != nil {
		named = append(named, p)
	}
	for expression, p := range part.PatternProperties {
		if expression.MatchString(key) {
			others = append(others, p)
		}
	}
	if named == nil && others == nil {
		if p := additional(part); p != nil {
			others = append(others, p)
		}
		if p := part.UnevaluatedProperties; p != nil {
			others = append(others, p)
		}
	}
	return named, others
}

// forItem are the parts of a part that speak about an item.
func forItem(part *jsonschema.Schema, i int) []*jsonschema.Schema {
	var list []*jsonschema.Schema
	switch {
	case i < len(part.PrefixItems):
		list = append(list, part.PrefixItems[i])
	case part.Items2020 != nil:
		list = append(list, part.Items2020)
	case part.UnevaluatedItems != nil:
		list = append(list, part.UnevaluatedItems)
	}
	if part.Contains != nil {
		list = append(list, part.Contains)
	}
	return list
}

func countValues(tree any) int {
	n := 1
	switch tree := tree.(type) {
	case map[string]any:
		for _, member := range tree {
			n += countValues(member)
		}
	case []any:
		for _, item := range tree {
			n += countValues(item)
		}
	}
	return n
}

// forLibrary copies a document for the validator, which knows the numbers of encoding/json.
func forLibrary(tree any) any {
	switch tree := tree.(type) {
	case map[string]any:
		out := make(map[string]any, len(tree))
		for key, member := range tree {
			out[key] = forLibrary(member)
		}
		return out
	case []any:
		out := make([]any, len(tree))
		for i, item := range tree {
			out[i] = forLibrary(item)
		}
		return out
	case number:
		return json.Number(tree)
	}
	return tree
}
