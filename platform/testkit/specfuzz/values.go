package specfuzz

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"
)

// Generator makes requests. What it makes follows from its source of randomness and from what replies have put into the
// pool.
type Generator struct {
	*rand.Rand
	Pool *Pool

	// Texts makes valid texts of fields and parameters by their names, where the document does not say what is valid.
	Texts map[string]func(*Generator) string
	// Bodies makes whole bodies of operations whose document says too little for one to be valid, by [Operation.String].
	Bodies map[string]func(*Generator) (contentType string, body []byte)
	// Tame are fields and parameters whose text is always one of Texts, for hostile ones would harm the machine.
	Tame []string
}

func (g *Generator) chance(percent int) bool { return g.IntN(100) < percent }

func pick[T any](g *Generator, from []T) T { return from[g.IntN(len(from))] }

// Pick is one of the values.
func (g *Generator) Pick(values ...string) string { return pick(g, values) }

// Word is a text of some letters.
func (g *Generator) Word(length int) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	out := make([]byte, length)
	for i := range out {
		out[i] = letters[g.IntN(len(letters))]
	}
	return string(out)
}

// Value makes JSON that fits a schema which stands alone.
func (g *Generator) Value(schema any) []byte { return g.value(&Document{}, schema, "", 0).append(nil) }

// value makes a value that fits the schema, of the field with the name.
func (g *Generator) value(d *Document, schema any, name string, depth int) *node {
	s := d.resolve(schema)
	for _, either := range []string{"anyOf", "oneOf"} {
		if branches := list(s[either]); len(branches) > 0 {
			return g.value(d, pick(g, branches), name, depth)
		}
	}
	if values := list(s["enum"]); len(values) > 0 {
		return encode(pick(g, values))
	}
	switch g.typeOf(s) {
	case "null":
		return literal("null")
	case "boolean":
		return literal(strconv.FormatBool(g.IntN(2) == 0))
	case "integer", "number":
		return g.number(s)
	case "string":
		return quoted(g.text(s, name))
	case "array":
		return g.list(d, s, name, depth)
	case "object":
		return g.object(d, s, depth)
	}
	return g.anything(depth)
}

func (g *Generator) typeOf(s map[string]any) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		if t := text(t[len(t)-1]); t == "null" && !g.chance(15) {
			return text(s["type"].([]any)[0])
		}
		return text(pick(g, t))
	}
	if s["properties"] != nil {
		return "object"
	}
	return ""
}

func encode(v any) *node {
	switch v := v.(type) {
	case string:
		return quoted(v)
	case nil:
		return literal("null")
	}
	return literal(fmt.Sprint(v))
}

// bound reads a number of the schema.
func bound(s map[string]any, name string, otherwise int64) int64 {
	if n, err := strconv.ParseInt(fmt.Sprint(s[name]), 10, 64); err == nil {
		return n
	}
	return otherwise
}

// number prefers the bounds, and spells whole numbers in each way that JSON has.
func (g *Generator) number(s map[string]any) *node {
	lo, hi := bound(s, "minimum", -5), bound(s, "maximum", 1000)
	n := strconv.FormatInt(pick(g, []int64{lo, hi, lo + g.Int64N(max(1, hi-lo+1))}), 10)
	if g.chance(10) {
		n += g.Pick(".0", "e0", "E+0", ".000")
	}
	return literal(n)
}

func (g *Generator) text(s map[string]any, name string) string {
	if make, ok := g.Texts[name]; ok {
		return make(g)
	}
	if pattern := text(s["pattern"]); pattern != "" {
		return rapid.StringMatching(pattern).Example(g.IntN(1 << 30))
	}
	switch text(s["format"]) {
	case "date":
		return time.Unix(g.Int64N(1_700_000_000), 0).UTC().Format(time.DateOnly)
	case "date-time":
		return time.Unix(g.Int64N(1_700_000_000), 0).UTC().Format(time.RFC3339)
	}
	lo, hi := bound(s, "minLength", 1), bound(s, "maxLength", 40)
	return g.Word(int(pick(g, []int64{lo, min(hi, 600), lo + g.Int64N(max(1, min(hi, 40)-lo+1))})))
}

func (g *Generator) list(d *Document, s map[string]any, name string, depth int) *node {
	lo, hi := bound(s, "minItems", 0), bound(s, "maxItems", 4)
	n := &node{kind: array}
	for range lo + g.Int64N(min(hi, 6)-lo+1) {
		n.items = append(n.items, g.value(d, s["items"], name, depth+1))
	}
	return n
}

func (g *Generator) object(d *Document, s map[string]any, depth int) *node {
	n := &node{kind: mapping}
	required := list(s["required"])
	properties := object(s["properties"])
	for _, name := range sortedKeys(properties) {
		if slices.Contains(required, any(name)) || depth < 6 && g.chance(60) {
			n.members = append(n.members, member{quote(name), g.value(d, properties[name], name, depth+1)})
		}
	}
	if extra, ok := s["additionalProperties"].(map[string]any); ok || len(properties) == 0 && depth < 4 {
		for range g.IntN(3) {
			n.members = append(n.members, member{quote(g.Word(1 + g.IntN(8))), g.value(d, extra, "", depth+1)})
		}
	}
	g.Shuffle(len(n.members), func(i, j int) { n.members[i], n.members[j] = n.members[j], n.members[i] })
	return n
}

// anything is JSON of any kind.
func (g *Generator) anything(depth int) *node {
	switch n := g.IntN(8); {
	case n < 2 && depth < 4:
		return &node{kind: array, items: []*node{g.anything(depth + 1)}}
	case n < 4 && depth < 4:
		return &node{kind: mapping, members: []member{{quote(g.Word(4)), g.anything(depth + 1)}}}
	case n < 6:
		return quoted(pick(g, hostileTexts))
	}
	return literal(pick(g, hostileLiterals))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// tame tells whether a field is one whose text must not be made up.
func (g *Generator) tame(name string) bool { return slices.Contains(g.Tame, strings.Trim(name, `"`)) }
