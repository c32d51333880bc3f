package web

import (
	"fmt"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"portico.internal/platform/errs"
	"portico.internal/platform/secrets"
)

// validator checks a parsed value against a schema and reports as Pydantic v2 does.
type validator struct {
	schema  *huma.Schema
	secret  bool // the value, or the value of one of the fields, must not come back
	pattern *regexp.Regexp
	fields  []fieldValidator // of an object, in the order of the schema
	items   *validator       // of an array, or the values of a map
}

type fieldValidator struct {
	name     string
	required bool
	*validator
}

// compile makes the validator of a Go type; fs is the schema of the field that holds it, with the constraints of its tags.
func compile(reg huma.Registry, t reflect.Type, fs *huma.Schema) *validator {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if o, ok := reflect.Zero(t).Interface().(optional); ok {
		return compile(reg, o.valueType(), fs)
	}
	own := *fs // the document's schema is finished later
	if fs.Ref != "" {
		own = *reg.SchemaFromRef(fs.Ref)
		own.Nullable = fs.Nullable
	}
	v := &validator{schema: &own, secret: fs.WriteOnly || fs.Format == "password"}
	if v.schema.Pattern != "" {
		v.pattern = regexp.MustCompile(v.schema.Pattern)
	}
	switch {
	case v.schema.Type == huma.TypeArray:
		v.items = compile(reg, t.Elem(), v.schema.Items)
		v.secret = v.secret || v.items.secret
	case t.Kind() == reflect.Map:
		if values, ok := v.schema.AdditionalProperties.(*huma.Schema); ok {
			v.items = compile(reg, t.Elem(), values)
			v.secret = v.secret || v.items.secret
		}
	case v.schema.Type == huma.TypeObject && t.Kind() == reflect.Struct:
		for _, f := range reflect.VisibleFields(t) {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			schema, ok := v.schema.Properties[name]
			if !ok || !f.IsExported() {
				continue
			}
			field := fieldValidator{name, slices.Contains(v.schema.Required, name), compile(reg, f.Type, schema)}
			v.secret = v.secret || field.secret
			v.fields = append(v.fields, field)
		}
	}
	return v
}

// echo returns the value as an error may show it: secrets masked, and beside secrets nothing the schema does not know,
// for a password under a misspelt name is still a password.
func (v *validator) echo(value any) any {
	if !v.secret {
		return value
	}
	object, ok := value.(map[string]any)
	if !ok || v.fields == nil {
		if value == nil {
			return nil
		}
		return secrets.Hidden
	}
	shown := map[string]any{}
	for _, f := range v.fields {
		if fv, ok := object[f.name]; ok {
			shown[f.name] = f.echo(fv)
		}
	}
	return shown
}

// check returns the issues of a value, one for each failing field.
func (v *validator) check(value any, loc []any) []errs.Issue {
	if value == nil && v.schema.Nullable {
		return nil
	}
	if len(v.schema.Enum) > 0 && v.schema.Type != huma.TypeArray {
		return v.checkEnum(value, loc)
	}
	switch v.schema.Type {
	case huma.TypeString:
		return v.checkString(value, loc)
	case huma.TypeBoolean:
		return v.checkBool(value, loc)
	case huma.TypeInteger, huma.TypeNumber:
		return v.checkNumber(value, loc)
	case huma.TypeArray:
		return v.checkArray(value, loc)
	case huma.TypeObject:
		return v.checkObject(value, loc)
	}
	return nil
}

func (v *validator) issue(value any, loc []any, kind, msg string, ctx map[string]any) []errs.Issue {
	return []errs.Issue{{Type: kind, Loc: slices.Clone(loc), Msg: msg, Input: v.echo(value), Ctx: ctx}}
}

func (v *validator) checkEnum(value any, loc []any) []errs.Issue {
	if slices.Contains(v.schema.Enum, value) {
		return nil
	}
	quoted := make([]string, 0, len(v.schema.Enum))
	for _, e := range v.schema.Enum {
		quoted = append(quoted, fmt.Sprintf("'%v'", e))
	}
	expected := quoted[len(quoted)-1]
	if len(quoted) > 1 {
		expected = strings.Join(quoted[:len(quoted)-1], ", ") + " or " + expected
	}
	return v.issue(value, loc, "literal_error", "Input should be "+expected, map[string]any{"expected": expected})
}

func (v *validator) checkString(value any, loc []any) []errs.Issue {
	s, ok := value.(string)
	if !ok {
		return v.issue(value, loc, "string_type", "Input should be a valid string", nil)
	}
	n := utf8.RuneCountInString(s)
	switch c := v.schema; {
	case c.MinLength != nil && n < *c.MinLength:
		return v.issue(value, loc, "string_too_short", "String should have at least "+plural(*c.MinLength, "character"), map[string]any{"min_length": *c.MinLength})
	case c.MaxLength != nil && n > *c.MaxLength:
		long := tooLong(*c.MaxLength)
		return v.issue(value, loc, long.Type, long.Msg, long.Ctx)
	case v.pattern != nil && !v.pattern.MatchString(s):
		return v.issue(value, loc, "string_pattern_mismatch", "String should match pattern '"+c.Pattern+"'", map[string]any{"pattern": c.Pattern})
	}
	return nil
}

func (v *validator) checkBool(value any, loc []any) []errs.Issue {
	switch b := value.(type) {
	case bool:
		return nil
	case string, number:
		if _, ok := laxBool(fmt.Sprint(b)); ok {
			return nil
		}
		return v.issue(value, loc, "bool_parsing", "Input should be a valid boolean, unable to interpret input", nil)
	}
	return v.issue(value, loc, "bool_type", "Input should be a valid boolean", nil)
}

// checkNumber is strict: a string or a boolean is no number. The exact value is compared, however many digits it has.
func (v *validator) checkNumber(value any, loc []any) []errs.Issue {
	n, ok := value.(number)
	if v.schema.Type == huma.TypeNumber && !ok {
		return v.issue(value, loc, "float_type", "Input should be a valid number", nil)
	}
	if !ok {
		return v.issue(value, loc, "int_type", "Input should be a valid integer", nil)
	}
	f, exact := parseNumber(string(n))
	if v.schema.Type == huma.TypeInteger && exact && !f.IsInt() {
		return v.issue(value, loc, "int_from_float", "Input should be a valid integer, got a number with a fractional part", nil)
	}
	if !exact || v.schema.Type == huma.TypeInteger && !fitsInt64(f) {
		return v.issue(value, loc, "int_parsing_size", "Unable to parse input string as an integer, exceeded maximum size", nil)
	}
	if lo := v.schema.Minimum; lo != nil && f.Cmp(big.NewFloat(*lo)) < 0 {
		return v.issue(value, loc, "greater_than_equal", fmt.Sprintf("Input should be greater than or equal to %v", *lo), map[string]any{"ge": *lo})
	}
	if hi := v.schema.Maximum; hi != nil && f.Cmp(big.NewFloat(*hi)) > 0 {
		return v.issue(value, loc, "less_than_equal", fmt.Sprintf("Input should be less than or equal to %v", *hi), map[string]any{"le": *hi})
	}
	return nil
}

func parseNumber(s string) (*big.Float, bool) {
	if len(s) > 64 {
		return nil, false
	}
	f, _, err := big.ParseFloat(s, 10, 256, big.ToNearestEven)
	return f, err == nil && !f.IsInf()
}

func fitsInt64(f *big.Float) bool {
	i, accuracy := f.Int64()
	return accuracy == big.Exact && (i != 0 || f.Sign() == 0)
}

func (v *validator) checkArray(value any, loc []any) []errs.Issue {
	list, ok := value.([]any)
	if !ok {
		return v.issue(value, loc, "list_type", "Input should be a valid list", nil)
	}
	if hi := v.schema.MaxItems; hi != nil && len(list) > *hi {
		return v.issue(value, loc, "too_long", fmt.Sprintf("List should have at most %s after validation, not %d", plural(*hi, "item"), len(list)),
			map[string]any{"field_type": "List", "max_length": *hi, "actual_length": len(list)})
	}
	if lo := v.schema.MinItems; lo != nil && len(list) < *lo {
		return v.issue(value, loc, "too_short", fmt.Sprintf("List should have at least %s after validation, not %d", plural(*lo, "item"), len(list)),
			map[string]any{"field_type": "List", "min_length": *lo, "actual_length": len(list)})
	}
	var issues []errs.Issue
	for i, item := range list {
		issues = append(issues, v.items.check(item, append(loc, i))...)
	}
	return issues
}

func (v *validator) checkObject(value any, loc []any) []errs.Issue {
	object, ok := value.(map[string]any)
	if !ok {
		if v.items != nil {
			return v.issue(value, loc, "dict_type", "Input should be a valid dictionary", nil)
		}
		return v.issue(value, loc, "model_attributes_type", "Input should be a valid dictionary or object to extract fields from", nil)
	}
	var issues []errs.Issue
	for _, f := range v.fields {
		fv, there := object[f.name]
		switch {
		case there:
			issues = append(issues, f.check(fv, append(loc, f.name))...)
		case f.required:
			issues = append(issues, v.issue(object, append(loc, f.name), "missing", "Field required", nil)...)
		}
	}
	if v.items != nil {
		for _, name := range sortedKeys(object) {
			issues = append(issues, v.items.check(object[name], append(loc, name))...)
		}
	}
	return issues
}

func plural(n int, noun string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
