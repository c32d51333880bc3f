package plugins

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"portico.internal/platform/errs"
)

// maxExpected is how many characters of what a schema lists a message may hold.
const maxExpected = 500

// describe is an issue in the words of Pydantic, without a place. It says what the schema wants and nothing of the value.
func describe(k jsonschema.ErrorKind) errs.Issue {
	switch k := k.(type) {
	case *kind.Type:
		return wrongType(k.Want)
	case *kind.Enum:
		return oneOf(k.Want)
	case *kind.Const:
		return oneOf([]any{k.Want})
	case *kind.AdditionalProperties, *kind.FalseSchema:
		return errs.Issue{Type: "extra_forbidden", Msg: "Extra inputs are not permitted"}
	case *kind.Minimum:
		return limit("greater_than_equal", "greater than or equal to", "ge", k.Want)
	case *kind.Maximum:
		return limit("less_than_equal", "less than or equal to", "le", k.Want)
	case *kind.ExclusiveMinimum:
		return limit("greater_than", "greater than", "gt", k.Want)
	case *kind.ExclusiveMaximum:
		return limit("less_than", "less than", "lt", k.Want)
	case *kind.MultipleOf:
		return limit("multiple_of", "a multiple of", "multiple_of", k.Want)
	case *kind.MinLength:
		return errs.Issue{Type: "string_too_short", Msg: "String should have at least " + plural(k.Want, "character"), Ctx: map[string]any{"min_length": k.Want}}
	case *kind.MaxLength:
		return errs.Issue{Type: "string_too_long", Msg: "String should have at most " + plural(k.Want, "character"), Ctx: map[string]any{"max_length": k.Want}}
	case *kind.Pattern:
		return errs.Issue{Type: "string_pattern_mismatch", Msg: "String should match pattern '" + k.Want + "'", Ctx: map[string]any{"pattern": k.Want}}
	case *kind.MinItems:
		return tooFew("List", k.Got, k.Want)
	case *kind.MaxItems:
		return tooMany("List", k.Got, k.Want)
	case *kind.MinProperties:
		return tooFew("Dictionary", k.Got, k.Want)
	case *kind.MaxProperties:
		return tooMany("Dictionary", k.Got, k.Want)
	case *kind.UniqueItems:
		return broken("the items must differ from each other")
	case *kind.Format:
		return broken("not a valid " + cut(k.Want))
	}
	return broken("not what the schema of the settings allows")
}

func broken(text string) errs.Issue {
	i := errs.ValueError(text, nil)
	i.Loc = nil
	return i
}

var typeIssues = map[string]errs.Issue{
	"string":  {Type: "string_type", Msg: "Input should be a valid string"},
	"integer": {Type: "int_type", Msg: "Input should be a valid integer"},
	"number":  {Type: "float_type", Msg: "Input should be a valid number"},
	"boolean": {Type: "bool_type", Msg: "Input should be a valid boolean"},
	"array":   {Type: "list_type", Msg: "Input should be a valid list"},
	"object":  {Type: "dict_type", Msg: "Input should be a valid dictionary"},
	"null":    {Type: "none_required", Msg: "Input should be None"},
}

func wrongType(want []string) errs.Issue {
	named := slices.DeleteFunc(slices.Clone(want), func(name string) bool { return name == "null" && len(want) > 1 })
	if len(named) == 1 {
		return typeIssues[named[0]]
	}
	return broken("must be one of these types: " + strings.Join(want, ", "))
}

// oneOf lists the values that are allowed, unless there is too much of them.
func oneOf(allowed []any) errs.Issue {
	var quoted []string
	length := 0
	for _, value := range allowed {
		text := fmt.Sprint(value)
		switch value.(type) {
		case string:
			text = "'" + text + "'"
		case nil:
			text = "None"
		case map[string]any, []any:
			return errs.Issue{Type: "literal_error", Msg: "Input should be one of the values that the schema lists"}
		}
		quoted, length = append(quoted, text), length+len(text)
	}
	if length > maxExpected {
		return errs.Issue{Type: "literal_error", Msg: "Input should be one of the values that the schema lists"}
	}
	last := len(quoted) - 1
	expected := quoted[last]
	if last > 0 {
		expected = strings.Join(quoted[:last], ", ") + " or " + expected
	}
	return errs.Issue{Type: "literal_error", Msg: "Input should be " + expected, Ctx: map[string]any{"expected": expected}}
}

func limit(kind, words, name string, want *big.Rat) errs.Issue {
	text := want.RatString()
	if !want.IsInt() {
		f, _ := want.Float64()
		text = fmt.Sprint(f)
	}
	return errs.Issue{Type: kind, Msg: "Input should be " + words + " " + text, Ctx: map[string]any{name: number(text)}}
}

func tooFew(what string, got, want int) errs.Issue {
	return errs.Issue{Type: "too_short", Msg: fmt.Sprintf("%s should have at least %s after validation, not %d", what, plural(want, "item"), got),
		Ctx: map[string]any{"field_type": what, "min_length": want, "actual_length": got}}
}

func tooMany(what string, got, want int) errs.Issue {
	return errs.Issue{Type: "too_long", Msg: fmt.Sprintf("%s should have at most %s after validation, not %d", what, plural(want, "item"), got),
		Ctx: map[string]any{"field_type": what, "max_length": want, "actual_length": got}}
}

func plural(n int, noun string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// cut shortens a text that comes from a schema.
func cut(text string) string {
	if runes := []rune(text); len(runes) > 64 {
		return string(runes[:64])
	}
	return text
}
