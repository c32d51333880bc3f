package web

import (
	"cmp"
	"errors"
	"slices"
	"unicode/utf8"

	"portico.internal/platform/errs"
)

// Checker is a Body or Form with rules beyond its schema. Check may clean the fields in place.
type Checker interface{ Check(*Check) }

// Check collects what a body's own rules find. As with Pydantic, a field that failed its type is not checked again,
// and the issues come out in the order of the schema.
type Check struct {
	source string // "body"
	v      *validator
	tree   map[string]any
	issues []errs.Issue
}

// Apply cleans one field: it replaces *field by what clean returns or reports its error at loc.
// Nothing happens when the field has failed already.
func Apply[T any](c *Check, field *T, clean func(T) (T, error), loc ...any) {
	if c.failed(loc) {
		return
	}
	value, err := clean(*field)
	if err != nil {
		c.Fail(err, loc...)
		return
	}
	*field = value
}

// Fail reports that the value at loc breaks a rule. The text of err is shown; an errs.Invalid error with one issue
// gives its type, message and context instead.
func (c *Check) Fail(err error, loc ...any) {
	if c.failed(loc) {
		return
	}
	full := append([]any{c.source}, loc...)
	issue := errs.ValueError(err.Error(), c.v.echoAt(c.tree, loc), full...)
	var e *errs.Error
	if errors.As(err, &e) && len(e.Issues) == 1 {
		own := e.Issues[0]
		issue.Type, issue.Msg, issue.Ctx = own.Type, own.Msg, own.Ctx
	}
	c.issues = append(c.issues, issue)
}

// AtMost fails with the issue that Pydantic has for a text of more than n characters. It is for texts that must be
// cleaned before they are counted; others have the tag maxLength.
func AtMost(n int, text string) error {
	if utf8.RuneCountInString(text) > n {
		return errs.InvalidInput(tooLong(n))
	}
	return nil
}

func tooLong(n int) errs.Issue {
	return errs.Issue{Type: "string_too_long", Msg: "String should have at most " + plural(n, "character"), Ctx: map[string]any{"max_length": n}}
}

// failed reports whether there is an issue at loc already, or above it.
func (c *Check) failed(loc []any) bool {
	return slices.ContainsFunc(c.issues, func(i errs.Issue) bool {
		at := i.Loc[1:]
		return len(at) <= len(loc) && slices.Equal(at, loc[:len(at)])
	})
}

// err returns the issues in the order of the schema, nil when there are none.
func (c *Check) err() error {
	if len(c.issues) == 0 {
		return nil
	}
	rank := func(i errs.Issue) int {
		if len(i.Loc) < 2 {
			return -1
		}
		return slices.IndexFunc(c.v.fields, func(f fieldValidator) bool { return f.name == i.Loc[1] })
	}
	slices.SortStableFunc(c.issues, func(a, b errs.Issue) int { return cmp.Compare(rank(a), rank(b)) })
	return errs.InvalidInput(c.issues...)
}

// echoAt returns the value at loc as an error may show it.
func (v *validator) echoAt(value any, loc []any) any {
	for _, step := range loc {
		var next *validator
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
			next = v.field(step)
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value, next = list[step], v.items
		}
		if next == nil {
			return nil
		}
		v = next
	}
	return v.echo(value)
}

func (v *validator) field(name string) *validator {
	for _, f := range v.fields {
		if f.name == name {
			return f.validator
		}
	}
	return v.items
}
