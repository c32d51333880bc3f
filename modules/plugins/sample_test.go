package plugins

import (
	"fmt"
	"strconv"
	"strings"

	"pgregory.net/rapid"
)

// sample makes schemas together with documents that are valid against them, and remembers every secret it has put in.
type sample struct {
	t       *rapid.T
	defs    map[string]any
	secrets []string
}

func (s *sample) secret() string {
	n := rapid.IntRange(0, 30).Draw(s.t, "length")
	text := fmt.Sprintf("canary%d%s", len(s.secrets), strings.Repeat("x", n))
	s.secrets = append(s.secrets, text+"y")
	return text + "y"
}

// node makes a schema and a value of it.
func (s *sample) node(depth int) (schema, value any) {
	kinds := []string{"secret", "password", "text", "number", "hidden object"}
	if depth > 0 {
		kinds = append(kinds, "object", "object", "list", "list", "tuple", "labels")
	}
	switch rapid.SampledFrom(kinds).Draw(s.t, "kind") {
	case "secret":
		return s.wrap(map[string]any{"type": "string", "writeOnly": true}), s.secret()
	case "password":
		return s.wrap(map[string]any{"type": "string", "format": "password"}), s.secret()
	case "number":
		return s.wrap(map[string]any{"type": "integer"}), number(strconv.Itoa(rapid.Int().Draw(s.t, "number")))
	case "hidden object":
		return s.wrap(map[string]any{"type": "object", "writeOnly": true}), map[string]any{"user": s.secret(), "list": []any{s.secret()}}
	case "object":
		return s.object(depth - 1)
	case "list":
		return s.list(depth - 1)
	case "tuple":
		a, x := s.node(depth - 1)
		b, y := s.node(depth - 1)
		return s.wrap(map[string]any{"type": "array", "prefixItems": []any{a, b}}), []any{x, y}
	case "labels":
		of, x := s.node(depth - 1)
		_, isText := x.(string)
		key := rapid.SampledFrom([]string{"additionalProperties", "unevaluatedProperties", "pattern"}).Draw(s.t, "labels")
		value := map[string]any{"one": x}
		if isText {
			value["old"] = map[string]any{"k": s.secret()} // what the schema says is not true of it
		}
		if key == "pattern" {
			return map[string]any{"type": "object", "patternProperties": map[string]any{"^o": of}}, value
		}
		return map[string]any{"type": "object", key: of}, value
	}
	return s.wrap(map[string]any{"type": "string"}), rapid.StringMatching(`[a-z*]{0,12}`).Draw(s.t, "text")
}

func (s *sample) object(depth int) (schema, value any) {
	properties, values := map[string]any{}, map[string]any{}
	for i := range rapid.IntRange(0, 3).Draw(s.t, "members") {
		name := string(rune('a' + i))
		properties[name], values[name] = s.node(depth)
	}
	object := map[string]any{"type": "object", "properties": properties}
	switch rapid.SampledFrom([]string{"", "leftover", "closed"}).Draw(s.t, "others") {
	case "leftover":
		values["old"] = s.secret()
	case "closed":
		object["additionalProperties"] = false
		values["old"] = map[string]any{"deep": []any{s.secret()}}
	}
	return s.wrap(object), values
}

func (s *sample) list(depth int) (schema, value any) {
	items := map[string]any{"type": "object", "properties": map[string]any{}}
	if rapid.Bool().Draw(s.t, "id is known") {
		items["properties"].(map[string]any)["id"] = map[string]any{"type": []any{"string", "integer"}}
	}
	of, first := s.node(depth)
	items["properties"].(map[string]any)["v"] = of
	items["properties"].(map[string]any)["k"] = map[string]any{"$ref": "#/$defs/secret"}
	list := []any{map[string]any{"v": first, "k": s.secret()}}
	for i := range rapid.IntRange(0, 3).Draw(s.t, "items") {
		item := map[string]any{"k": s.secret()}
		switch rapid.SampledFrom([]string{"id", "number", "same", "none"}).Draw(s.t, "id") {
		case "id":
			item["id"] = "item" + strconv.Itoa(i)
		case "number":
			item["id"] = number(strconv.Itoa(i))
		case "same":
			item["id"] = "twin"
		}
		list = append(list, item)
	}
	return s.wrap(map[string]any{"type": "array", "items": items}), list
}

// wrap says the same in another way.
func (s *sample) wrap(schema map[string]any) map[string]any {
	switch rapid.IntRange(0, 7).Draw(s.t, "wrap") {
	case 0:
		return map[string]any{"oneOf": []any{map[string]any{"type": "null"}, schema}}
	case 1:
		return map[string]any{"anyOf": []any{schema, map[string]any{"type": "boolean"}}}
	case 2:
		return map[string]any{"allOf": []any{schema}}
	case 3:
		name := "d" + strconv.Itoa(len(s.defs))
		s.defs[name] = schema
		return map[string]any{"$ref": "#/$defs/" + name}
	case 4:
		return map[string]any{"if": map[string]any{"type": "null"}, "then": false, "else": schema}
	}
	return schema
}

func makeSample(t *rapid.T) (*schema, map[string]any, []string) {
	s := &sample{t: t, defs: map[string]any{"secret": map[string]any{"type": "string", "writeOnly": true}}}
	tree, value := s.object(3)
	root := map[string]any{"allOf": []any{tree}, "$defs": s.defs}
	compiled, err := compileSchema(root)
	if err != nil {
		t.Fatalf("%v: %v", err, root)
	}
	return compiled, value.(map[string]any), s.secrets
}
