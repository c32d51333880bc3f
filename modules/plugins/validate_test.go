package plugins

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestIssues(t *testing.T) {
	const schema = `{"type":"object","required":["name"],"additionalProperties":false,
		"properties":{
			"name":{"type":"string","minLength":2,"maxLength":5,"pattern":"^[a-z]*$"},
			"days":{"type":"integer","minimum":1,"maximum":365,"multipleOf":5},
			"ratio":{"type":"number","exclusiveMinimum":0.5,"exclusiveMaximum":1.25},
			"mode":{"enum":["a","b","c"]}, "one":{"const":1}, "flag":{"type":"boolean"}, "maybe":{"type":["string","null"]}, "both":{"type":["string","integer"]},
			"tags":{"type":"array","items":{"type":"string"},"minItems":1,"maxItems":2,"uniqueItems":true},
			"at":{"format":"date-time"}, "never":false,
			"key":{"type":"string","writeOnly":true,"pattern":"^sk-"},
			"list":{"type":"array","items":{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"key":{"type":"string","format":"password"}}}},
			"labels":{"type":"object","propertyNames":{"pattern":"^[a-z]+$"},"minProperties":1,"additionalProperties":{"type":"string"}},
			"deep":{"oneOf":[{"type":"integer"},{"type":"object","properties":{"x":{"type":"integer"}},"required":["x"]}]},
			"some":{"type":"array","contains":{"type":"integer"}}
		}, "dependentRequired":{"days":["mode"]}}`
	s := schemaOf(t, schema)
	for patch, want := range map[string]string{
		`{}`:                               ``,
		`{"name":null}`:                    `missing body.name Field required <- {}`,
		`{"name":7}`:                       `string_type body.name Input should be a valid string <- 7`,
		`{"name":"a"}`:                     `string_too_short body.name String should have at least 2 characters <- "a"`,
		`{"name":"abcdef"}`:                `string_too_long body.name String should have at most 5 characters <- "abcdef"`,
		`{"name":"AB"}`:                    `string_pattern_mismatch body.name String should match pattern '^[a-z]*$' <- "AB"`,
		`{"days":"5","mode":"a"}`:          `int_type body.days Input should be a valid integer <- "5"`,
		`{"days":0.5,"mode":"a"}`:          `int_type body.days Input should be a valid integer <- 0.5`,
		`{"days":0,"mode":"a"}`:            `greater_than_equal body.days Input should be greater than or equal to 1 <- 0`,
		`{"days":370,"mode":"a"}`:          `less_than_equal body.days Input should be less than or equal to 365 <- 370`,
		`{"days":7,"mode":"a"}`:            `multiple_of body.days Input should be a multiple of 5 <- 7`,
		`{"days":5}`:                       `missing body.mode Field required <- {"days":5,"name":"ok"}`,
		`{"ratio":0.5}`:                    `greater_than body.ratio Input should be greater than 0.5 <- 0.5`,
		`{"ratio":2}`:                      `less_than body.ratio Input should be less than 1.25 <- 2`,
		`{"mode":"d"}`:                     `literal_error body.mode Input should be 'a', 'b' or 'c' <- "d"`,
		`{"one":2}`:                        `literal_error body.one Input should be 1 <- 2`,
		`{"flag":"yes"}`:                   `bool_type body.flag Input should be a valid boolean <- "yes"`,
		`{"maybe":1}`:                      `string_type body.maybe Input should be a valid string <- 1`,
		`{"both":true}`:                    `value_error body.both Value error, must be one of these types: integer, string <- true`,
		`{"tags":"x"}`:                     `list_type body.tags Input should be a valid list <- "x"`,
		`{"tags":[]}`:                      `too_short body.tags List should have at least 1 item after validation, not 0 <- []`,
		`{"tags":["a","b","c"]}`:           `too_long body.tags List should have at most 2 items after validation, not 3 <- ["a","b","c"]`,
		`{"tags":["a","a"]}`:               `value_error body.tags Value error, the items must differ from each other <- ["a","a"]`,
		`{"tags":["a",1]}`:                 `string_type body.tags.#1 Input should be a valid string <- 1`,
		`{"at":"soon"}`:                    `value_error body.at Value error, not a valid date-time <- "soon"`,
		`{"never":1}`:                      `extra_forbidden body.never Extra inputs are not permitted <- 1`,
		`{"other":"x"}`:                    `extra_forbidden body.other Extra inputs are not permitted <- "********"`,
		`{"key":"a secret that is wrong"}`: `string_pattern_mismatch body.key String should match pattern '^sk-' <- "********"`,
		`{"key":["a secret"]}`:             `string_type body.key Input should be a valid string <- "********"`,
		`{"list":[{"id":"a"},{"key":"a secret of an item"}]}`: `missing body.list.#1.id Field required <- {"key":"********item"}`,
		`{"labels":{"A":"x"}}`:                                `value_error body.labels Value error, holds a name that is not allowed <- {"A":"x"}`,
		`{"labels":{"A":"x","B":"y"}}`:                        `value_error body.labels Value error, holds a name that is not allowed <- {"A":"x","B":"y"}`,
		`{"labels":{}}`:                                       `too_short body.labels Dictionary should have at least 1 item after validation, not 0 <- {}`,
		`{"labels":{"a":1}}`:                                  `string_type body.labels.a Input should be a valid string <- "********"`,
		`{"deep":{"x":"y"}}`:                                  `int_type body.deep Input should be a valid integer <- {"x":"y"}` + "\n" + `int_type body.deep.x Input should be a valid integer <- "y"`,
		`{"some":["x"]}`:                                      `value_error body.some Value error, not what the schema of the settings allows <- ["x"]`,
		`{"name":1,"flag":2,"tags":[3,4]}`: `bool_type body.flag Input should be a valid boolean <- 2` + "\n" + `string_type body.name Input should be a valid string <- 1` +
			"\n" + `string_type body.tags.#0 Input should be a valid string <- 3` + "\n" + `string_type body.tags.#1 Input should be a valid string <- 4`,
	} {
		change := document(t, patch)
		var got []string
		for _, i := range s.check(merge(document(t, `{"name":"ok"}`), change).(map[string]any), change) {
			loc := fmt.Sprint(i.Loc[0])
			for _, step := range i.Loc[1:] {
				if n, isIndex := step.(int); isIndex {
					loc += fmt.Sprintf(".#%d", n)
				} else {
					loc += "." + step.(string)
				}
			}
			got = append(got, fmt.Sprintf("%s %s %s <- %s", i.Type, loc, i.Msg, text(t, i.Input)))
		}
		require.Equal(t, want, strings.Join(got, "\n"), patch)
	}
}

func TestIssuesAreBounded(t *testing.T) {
	s := schemaOf(t, `{"properties":{"n":{"type":"integer"},"l":{"items":{"type":"string"}}}}`)
	list := make([]any, 20_000)
	for i := range list {
		list[i] = map[string]any{"a": strings.Repeat("x", 20)}
	}
	settings := map[string]any{"l": list}
	issues := s.check(settings, settings)
	require.Len(t, issues, maxIssues)
	require.Equal(t, []any{"body", "l", 99}, issues[99].Loc)
	long := map[string]any{"n": strings.Repeat("y", maxInput)}
	require.Nil(t, s.check(long, long)[0].Input)
}

func TestLeftoversDoNotKeepFromSaving(t *testing.T) {
	for _, row := range []struct{ schema, stored, patch, want string }{
		{`{"additionalProperties":false,"properties":{"a":{"type":"integer"}}}`, `{"a":1,"old":"x"}`, `{"a":2}`, ``},
		{`{"additionalProperties":false,"properties":{"a":{"type":"integer"}}}`, `{"a":1,"old":"x"}`, `{"a":2,"old":"********"}`, ``},
		{`{"additionalProperties":false,"properties":{"a":{"type":"integer"}}}`, `{"a":1,"old":"x"}`, `{"a":2,"old":null}`, ``},
		{`{"additionalProperties":false,"properties":{"a":{"type":"integer"}}}`, `{"a":1,"old":"x"}`, `{"a":2,"old":"y"}`, `extra_forbidden`},
		{`{"unevaluatedProperties":false,"properties":{"o":{"additionalProperties":false,"properties":{"b":{}}}}}`, `{"o":{"b":1,"old":{"deep":"x"}}}`, `{"o":{"b":2}}`, ``},
		{`{"properties":{"l":{"items":{"additionalProperties":false,"properties":{"id":{}}}}}}`, `{"l":[{"id":1,"old":"x"}]}`, `{"l":[{"id":1,"old":"********"},{"id":2}]}`, ``},
		{`{"properties":{"l":{"items":{"additionalProperties":false,"properties":{"id":{}}}}}}`, `{"l":[{"id":1,"old":"x"}]}`, `{"l":[{"id":1,"old":"new"}]}`, `extra_forbidden`},
		{`{"properties":{"a":{}},"additionalProperties":{"type":"integer"}}`, `{"old":"x"}`, `{"a":1}`, ``},
		{`{"required":["named"],"properties":{"a":{}}}`, `{"named":"x","a":1}`, `{"a":2}`, ``},
		{`{"minProperties":1}`, `{"x":1,"y":2}`, `{"y":null}`, ``},
		{`{"properties":{"a":{"type":"integer"}}}`, `{"a":"was a text","b":1}`, `{"b":2}`, `int_type`},
	} {
		s := schemaOf(t, row.schema)
		stored, patch := document(t, row.stored), document(t, row.patch)
		resolved, issues := s.resolve(stored, patch)
		require.Empty(t, issues)
		got := ""
		for _, i := range s.check(merge(stored, resolved).(map[string]any), patch) {
			got += i.Type
		}
		require.Equal(t, row.want, got, "%s with %s", row.stored, row.patch)
	}
}

// A few lines of schema can ask for more looks than there is time for.
func TestWorkIsBounded(t *testing.T) {
	layers := func(n int, of string) string {
		var defs []string
		for i := range n {
			next := fmt.Sprintf(`{"$ref":"#/$defs/d%d"}`, i+1)
			defs = append(defs, fmt.Sprintf(`"d%d":%s`, i, strings.ReplaceAll(of, "NEXT", next)))
		}
		return fmt.Sprintf(`{"$id":"layers","$ref":"#/$defs/d0","$defs":{%s,"d%d":{}}}`, strings.Join(defs, ","), n)
	}
	deep := strings.Repeat(`{"c":`, 40) + `1` + strings.Repeat(`}`, 40)
	for name, row := range map[string]struct {
		schema, settings string
		tooMuch          bool
	}{
		"alternatives in alternatives":         {layers(40, `{"anyOf":[NEXT,NEXT]}`), `{}`, true},
		"of members":                           {`{"$ref":"#/$defs/a","$defs":{"a":{"anyOf":[{"properties":{"c":{"$ref":"#/$defs/a"}}},{"properties":{"c":{"$ref":"#/$defs/a"}}}]}}}`, deep, true},
		"of names":                             {`{"propertyNames":` + layers(40, `{"anyOf":[NEXT,NEXT]}`) + `}`, `{"x":1}`, true},
		"a chain":                              {layers(600, `{"allOf":[NEXT]}`), `{}`, true},
		"a long pattern and a long text":       {`{"properties":{"a":{"pattern":"^x[a-z]{900}y$"}}}`, `{"a":"` + strings.Repeat("x", 100_000) + `"}`, true},
		"many patterns to compile":             {`{"properties":{"a":{"items":{"format":"regex"}}}}`, `{"a":[` + strings.TrimSuffix(strings.Repeat(`"a{9}",`, 500), ",") + `]}`, true},
		"one that leads to itself":             {`{"$ref":"#/$defs/a","$defs":{"a":{"allOf":[{"$ref":"#/$defs/b"}]},"b":{"$ref":"#/$defs/a"}}}`, `{}`, false},
		"a page of settings":                   {`{"properties":{"l":{"items":{"properties":{"a":{"type":"string","pattern":"^[a-z]+$"},"b":{"enum":[1,2,3]}}}}}}`, `{"l":[` + strings.TrimSuffix(strings.Repeat(`{"a":"abc","b":2},`, 5000), ",") + `]}`, false},
		"few alternatives in few alternatives": {layers(5, `{"anyOf":[NEXT,NEXT]}`), `{}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := schemaOf(t, row.schema)
			require.Equal(t, row.tooMuch, s.tooMuch(document(t, row.settings)))
		})
	}
}
