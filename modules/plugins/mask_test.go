package plugins

import (
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func document(t testing.TB, text string) map[string]any {
	t.Helper()
	object, err := parseObject([]byte(text))
	require.NoError(t, err)
	return object
}

func schemaOf(t testing.TB, text string) *schema {
	t.Helper()
	s, err := compileSchema(document(t, text))
	require.NoError(t, err)
	return s
}

func text(t testing.TB, value any) string {
	t.Helper()
	out, err := json.Marshal(value, json.Deterministic(true))
	require.NoError(t, err)
	return string(out)
}

func TestMask(t *testing.T) {
	const long = `"sk-canary-0123456789"`
	for _, row := range []struct{ name, schema, settings, want string }{
		{"writeOnly", `{"properties":{"k":{"writeOnly":true}}}`, `{"k":` + long + `}`, `{"k":"********6789"}`},
		{"password", `{"properties":{"k":{"type":"string","format":"password"}}}`, `{"k":"short"}`, `{"k":"********"}`},
		{"that there is none may be seen", `{"properties":{"k":{"writeOnly":true},"l":{"writeOnly":true}}}`, `{"k":null,"l":""}`, `{"k":null,"l":""}`},
		{"what is no text", `{"properties":{"a":{"writeOnly":true},"b":{"writeOnly":true},"c":{"writeOnly":true}}}`, `{"a":17,"b":{"x":1},"c":[1]}`, `{"a":"********","b":"********","c":"********"}`},
		{"nested", `{"properties":{"o":{"properties":{"k":{"writeOnly":true},"p":{}}}}}`, `{"o":{"k":"x","p":1.50}}`, `{"o":{"k":"********","p":1.50}}`},
		{"items", `{"properties":{"l":{"items":{"properties":{"k":{"writeOnly":true},"id":{}}}}}}`, `{"l":[{"id":1,"k":"x"}]}`, `{"l":[{"id":1,"k":"********"}]}`},
		{"prefixItems", `{"properties":{"l":{"prefixItems":[{"writeOnly":true}]}}}`, `{"l":["x","y"]}`, `{"l":["********","y"]}`},
		{"contains", `{"properties":{"l":{"contains":{"writeOnly":true}}}}`, `{"l":["x","y"]}`, `{"l":["********","********"]}`},
		{"unevaluatedItems", `{"properties":{"l":{"prefixItems":[{}],"unevaluatedItems":{"writeOnly":true}}}}`, `{"l":["x","y"]}`, `{"l":["x","********"]}`},
		{"additionalProperties", `{"properties":{"a":{}},"additionalProperties":{"type":"string","writeOnly":true}}`, `{"a":"x","b":"y"}`, `{"a":"x","b":"********"}`},
		{"patternProperties", `{"patternProperties":{"_key$":{"writeOnly":true},"^host":{"type":"string"}}}`, `{"a_key":"x","host1":"y"}`, `{"a_key":"********","host1":"y"}`},
		{"unevaluatedProperties", `{"properties":{"a":{}},"unevaluatedProperties":{"type":"string","writeOnly":true}}`, `{"a":"x","b":"y"}`, `{"a":"x","b":"********"}`},
		{"$ref", `{"properties":{"k":{"$ref":"#/$defs/s"}},"$defs":{"s":{"writeOnly":true}}}`, `{"k":"x"}`, `{"k":"********"}`},
		{"beside a $ref", `{"properties":{"k":{"$ref":"#/$defs/s","writeOnly":true}},"$defs":{"s":{"type":"string"}}}`, `{"k":"x"}`, `{"k":"********"}`},
		{"$anchor and $id", `{"properties":{"k":{"$ref":"s.json#x"}},"$defs":{"s":{"$id":"s.json","$defs":{"y":{"$anchor":"x","writeOnly":true}}}}}`, `{"k":"x"}`, `{"k":"********"}`},
		{"cycles", `{"$ref":"#/$defs/n","$defs":{"n":{"properties":{"k":{"writeOnly":true},"next":{"$ref":"#/$defs/n"}},"allOf":[{"$ref":"#/$defs/m"}]},"m":{"anyOf":[{"$ref":"#/$defs/n"},{}]}}}`,
			`{"k":"x","next":{"next":{"k":"y"}}}`, `{"k":"********","next":{"next":{"k":"********"}}}`},
		{"$dynamicRef", `{"properties":{"k":{"$dynamicRef":"#v"}},"$defs":{"a":{"$dynamicAnchor":"v"},"b":{"$id":"b","$defs":{"c":{"$dynamicAnchor":"v","writeOnly":true}}}}}`, `{"k":"x"}`, `{"k":"********"}`},
		{"$dynamicRef to what nothing else leads to", `{"$id":"https://example.com/root","$ref":"list","$defs":{"mine":{"$dynamicAnchor":"item","writeOnly":true},"list":{"$id":"list","properties":{"l":{"items":{"$dynamicRef":"#item"}}},"$defs":{"any":{"$dynamicAnchor":"item"}}}}}`,
			`{"l":["x"]}`, `{"l":["********"]}`},
		{"oneOf", `{"properties":{"k":{"oneOf":[{"type":"string"},{"type":"string","writeOnly":true}]}}}`, `{"k":"x"}`, `{"k":"********"}`},
		{"oneOf around", `{"oneOf":[{"properties":{"kind":{"const":"a"},"k":{"type":"string"}}},{"properties":{"kind":{"const":"b"},"k":{"writeOnly":true}}}]}`, `{"kind":"a","k":"x"}`, `{"k":"********","kind":"a"}`},
		{"if, then, else", `{"properties":{"a":{},"b":{},"c":{}},"if":{"properties":{"a":{"writeOnly":true}}},"then":{"properties":{"b":{"writeOnly":true}}},"else":{"properties":{"c":{"writeOnly":true}}}}`, `{"a":"x","b":"y","c":"z"}`, `{"a":"********","b":"********","c":"********"}`},
		{"not, dependentSchemas, dependencies", `{"properties":{"a":{},"b":{},"c":{}},"not":{"properties":{"a":{"writeOnly":true}}},"dependentSchemas":{"q":{"properties":{"b":{"writeOnly":true}}}},"dependencies":{"q":{"properties":{"c":{"writeOnly":true}}}}}`, `{"a":"x","b":"y","c":"z"}`, `{"a":"********","b":"********","c":"********"}`},
		{"all of it", `{"writeOnly":true,"properties":{"a":{},"b":{}}}`, `{"a":"x","b":{"c":1}}`, `{"a":"********","b":"********"}`},

		{"unknown", `{"properties":{"a":{}}}`, `{"a":1,"old":` + long + `}`, `{"a":1,"old":"********6789"}`},
		{"unknown below what is known", `{"properties":{"a":{"type":"object"}}}`, `{"a":{"old":"x"}}`, `{"a":{"old":"********"}}`},
		{"additional ones may be, and nothing is said of them", `{"additionalProperties":true}`, `{"old":"x"}`, `{"old":"********"}`},
		{"the same in other words", `{"properties":{"a":{}},"additionalProperties":{},"unevaluatedProperties":{}}`, `{"old":"x"}`, `{"old":"********"}`},
		{"additional ones are described", `{"additionalProperties":{"type":"string"}}`, `{"label":"x"}`, `{"label":"x"}`},
		{"additional ones are described as something else", `{"additionalProperties":{"type":"integer"}}`, `{"a":1,"old":"x","older":{"k":"x"}}`, `{"a":1,"old":"********","older":"********"}`},
		{"so is a pattern", `{"patternProperties":{"_limit$":{"type":"integer"}}}`, `{"a_limit":1,"b_limit":"x"}`, `{"a_limit":1,"b_limit":"********"}`},
		{"numbers keep their digits", `{"properties":{"a":{}}}`, `{"a":[12345678901234567890,1.0,1e2]}`, `{"a":[12345678901234567890,1.0,1e2]}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			require.Equal(t, row.want, text(t, schemaOf(t, row.schema).mask(document(t, row.settings))))
		})
	}
}

func TestNoSecretIsShownAndARoundTripChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s, settings, canaries := makeSample(rt)
		masked := s.mask(settings)
		shown := text(t, masked)
		for _, canary := range canaries {
			if strings.Contains(shown, canary) {
				rt.Fatalf("%s in %s", canary, shown)
			}
		}
		require.Subset(rt, s.secretTexts(settings), canaries)
		resolved, issues := s.resolve(settings, masked)
		require.Empty(rt, issues, "%s", shown)
		merged := merge(settings, resolved).(map[string]any)
		require.Equal(rt, settings, merged)
		found := s.check(merged, masked)
		require.Empty(rt, found, "leftovers must not keep anybody from saving")
		require.NotContains(rt, text(t, found), "canary")
	})
}

// Whatever clients do to a list, a secret stays with the item that it was stored with.
func TestSecretsStayWithTheirItems(t *testing.T) {
	s := schemaOf(t, `{"properties":{"l":{"items":{"properties":{"id":{},"k":{"writeOnly":true},"n":{}}}}}}`)
	rapid.Check(t, func(rt *rapid.T) {
		var stored []any
		owner := map[any]any{}
		for i := range rapid.IntRange(0, 4).Draw(rt, "items") {
			id := rapid.SampledFrom([]any{"a", "b", "c", number("1"), nil}).Draw(rt, "id")
			item := map[string]any{"k": fmt.Sprintf("secret-%d", i), "n": fmt.Sprint(id)}
			if id != nil {
				item["id"] = id
			}
			stored = append(stored, item)
			owner[item["k"]] = id
		}
		settings := map[string]any{"l": stored}
		shown, _ := s.mask(settings)["l"].([]any)
		sent := append(rapid.Permutation(shown).Draw(rt, "order"), map[string]any{"id": "new", "k": "fresh"})
		sent = sent[:rapid.IntRange(0, len(sent)).Draw(rt, "length")]
		resolved, issues := s.resolve(settings, map[string]any{"l": sent})
		if len(issues) > 0 {
			return // asked to send the values themselves
		}
		for i, item := range resolved["l"].([]any) {
			object := item.(map[string]any)
			if object["k"] == "fresh" {
				continue
			}
			require.Equal(rt, object["id"], owner[object["k"]], "item %d of %s", i, text(t, sent))
			if object["id"] != nil {
				continue
			}
			require.Len(rt, sent, len(stored))
			require.Equal(rt, stored[i].(map[string]any)["k"], object["k"])
		}
	})
}
