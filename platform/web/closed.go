package web

import (
	"portico.internal/platform/errs"
	"portico.internal/platform/secrets"
)

// Closed reports each member of the object at loc that the schema does not have, as Pydantic does where extra fields are
// forbidden. Elsewhere they are ignored. Beside a secret their values are not shown.
func (c *Check) Closed(loc ...any) {
	v, value := c.v, any(c.tree)
	for _, step := range loc {
		object, _ := value.(map[string]any)
		name, _ := step.(string)
		if v, value = v.field(name), object[name]; v == nil {
			return
		}
	}
	object, _ := value.(map[string]any)
	for _, name := range sortedKeys(object) {
		if v.field(name) != nil {
			continue
		}
		input := object[name]
		if v.secret && input != nil {
			input = secrets.Hidden
		}
		c.issues = append(c.issues, errs.Issue{Type: "extra_forbidden", Loc: append(append([]any{c.source}, loc...), name),
			Msg: "Extra inputs are not permitted", Input: input})
	}
}
