package web

import (
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"portico.internal/platform/errs"
)

// plan is a route made ready: how its input is bound and its output written.
type plan struct {
	Route
	module string
	params []param
	body   *bodyPlan
	reply  *replyPlan
}

type param struct {
	index    []int
	in, name string // in: path, query, header
	required bool
	*validator
}

type bodyPlan struct {
	index    []int
	form     bool
	optional bool // a pointer: the body may be missing
	*validator
}

// typed makes a route of a handler. Types are only looked at when the site is built.
func typed[In, Out any](method, path string, access Access, h Handler[In, Out], opts []Option) Route {
	r := Route{Method: method, Path: path, Access: access, Status: http.StatusOK,
		in: reflect.TypeFor[In](), out: reflect.TypeFor[Out]()}
	if r.out == reflect.TypeFor[None]() {
		r.Status = http.StatusNoContent
	}
	r.handle = func(p *plan, w http.ResponseWriter, req *http.Request) error {
		in := new(In)
		if err := p.bind(w, req, reflect.ValueOf(in).Elem()); err != nil {
			return err
		}
		out, err := h(req.Context(), in)
		if err != nil {
			return err
		}
		return p.reply.write(w, req, p.Status, p.media, reflect.ValueOf(out))
	}
	for _, o := range opts {
		o(&r)
	}
	return r
}

// newPlan reads the types of a route once.
func newPlan(reg huma.Registry, module string, r Route) *plan {
	p := &plan{Route: r, module: module}
	if r.out != nil {
		p.reply = newReplyPlan(r.out)
	}
	if r.in == nil {
		return p
	}
	for _, f := range reflect.VisibleFields(r.in) {
		if f.Anonymous || !f.IsExported() {
			continue
		}
		for _, in := range []string{"path", "query", "header"} {
			if name, ok := f.Tag.Lookup(in); ok {
				v := compile(reg, f.Type, huma.SchemaFromField(reg, f, f.Name))
				p.params = append(p.params, param{f.Index, in, name, in == "path" || f.Tag.Get("required") == "true", v})
			}
		}
		if f.Name == "Body" || f.Name == "Form" {
			p.body = &bodyPlan{index: f.Index, form: f.Name == "Form", optional: f.Type.Kind() == reflect.Pointer,
				validator: compile(reg, f.Type, reg.Schema(f.Type, true, operationID(r.Method, r.Path)))}
		}
	}
	return p
}

func (p *plan) bind(w http.ResponseWriter, r *http.Request, in reflect.Value) error {
	if err := p.bindParams(r, in); err != nil {
		return err
	}
	if p.body == nil {
		return nil
	}
	raw, release, err := readBody(w, r)
	defer release()
	if err != nil {
		return err
	}
	done, err := exchangeOf(r.Context()).budget.parsing(r.Context(), len(raw))
	if err != nil {
		return err
	}
	defer done()
	return shorten(p.body.parse(r, raw, in.FieldByIndex(p.body.index)))
}

// parse reads the bytes of a body into target.
func (b *bodyPlan) parse(r *http.Request, raw []byte, target reflect.Value) error {
	if b.form {
		form, err := b.parseForm(r, raw)
		if err != nil {
			return err
		}
		return b.fill(form, nil, target)
	}
	tree, err := parseJSON(r.Header.Get("Content-Type"), raw)
	if err != nil {
		return err
	}
	if _, missing := tree.(absent); missing || tree == nil {
		if b.optional {
			return nil
		}
		return errs.InvalidInput(errs.Issue{Type: "missing", Loc: []any{"body"}, Msg: "Field required"})
	}
	if loc := b.findNUL(tree); loc != nil {
		return errs.InvalidInput(errs.ValueError("NUL characters are not allowed", nil, append([]any{"body"}, loc...)...))
	}
	return b.fill(tree, raw, target)
}

// fill validates the tree and decodes it into target. raw is the JSON that the tree was parsed from, nil for a form.
func (b *bodyPlan) fill(tree any, raw []byte, target reflect.Value) error {
	c := &Check{source: "body", v: b.validator, issues: b.check(tree, []any{"body"})}
	object, ok := tree.(map[string]any)
	c.tree = object
	if b.form {
		for i := range c.issues {
			if c.issues[i].Type == "missing" {
				c.issues[i].Input = nil
			}
		}
	}
	if len(c.issues) > 0 && (!ok || !target.Addr().Type().Implements(reflect.TypeFor[Checker]())) {
		return c.err()
	}
	if raw == nil || len(c.issues) > 0 { // decode what is left, so that the rules of the other fields can speak too
		rest := map[string]any{}
		maps.Copy(rest, object)
		for _, i := range c.issues {
			if len(i.Loc) > 1 {
				delete(rest, i.Loc[1].(string))
			}
		}
		var err error
		if raw, err = json.Marshal(rest, wireJSON); err != nil {
			return err
		}
	}
	if err := json.Unmarshal(raw, target.Addr().Interface(), wireJSON); err != nil {
		return errs.Wrap(errs.Internal, "", err)
	}
	if checker, ok := target.Addr().Interface().(Checker); ok {
		checker.Check(c)
	} else if checker, ok := target.Interface().(Checker); ok {
		checker.Check(c)
	}
	return c.err()
}

func (p *plan) bindParams(r *http.Request, in reflect.Value) error {
	var query url.Values
	var issues []errs.Issue
	for _, f := range p.params {
		var text string
		there := true
		switch f.in {
		case "path":
			text = r.PathValue(f.name)
		case "header":
			lines := r.Header.Values(f.name)
			text, there = strings.Join(lines, ", "), len(lines) > 0
		case "query":
			if query == nil {
				query = parseQuery(r.URL.RawQuery)
			}
			values := query[f.name]
			if there = len(values) > 0; there {
				text = values[len(values)-1]
			}
		}
		loc := []any{f.in, f.name}
		if !there {
			if f.required {
				issues = append(issues, f.issue(nil, loc, "missing", "Field required", nil)...)
			}
			continue
		}
		issues = append(issues, f.set(in.FieldByIndex(f.index), text, loc)...)
	}
	if len(issues) > 0 {
		return errs.InvalidInput(issues...)
	}
	return nil
}

// set checks a parameter and stores it, as a string, an int or a bool, or an [Optional] of those.
func (f *param) set(target reflect.Value, text string, loc []any) []errs.Issue {
	if _, ok := target.Interface().(optional); ok {
		target.FieldByName("Set").SetBool(true)
		target = target.FieldByName("Value")
	}
	switch target.Kind() {
	case reflect.String:
		if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			return f.issue(toText(text), loc, "value_error", "Value error, not a text in UTF-8 without NUL", map[string]any{"error": struct{}{}})
		}
		if issues := f.check(text, loc); issues != nil {
			return issues
		}
		target.SetString(text)
	case reflect.Bool:
		b, ok := laxBool(text)
		if !ok {
			return f.issue(text, loc, "bool_parsing", "Input should be a valid boolean, unable to interpret input", nil)
		}
		target.SetBool(b)
	case reflect.Int:
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return f.issue(toText(text), loc, "int_parsing", "Input should be a valid integer, unable to parse string as an integer", nil)
		}
		if issues := f.check(number(strconv.Itoa(n)), loc); issues != nil {
			issues[0].Input = text
			return issues
		}
		target.SetInt(int64(n))
	}
	return nil
}

// parseQuery is lenient as Python is: a broken escape stays as it is.
func parseQuery(raw string) url.Values {
	values := url.Values{}
	for pair := range strings.SplitSeq(raw, "&") {
		if name, value, _ := strings.Cut(pair, "="); pair != "" {
			name = unescape(name)
			values[name] = append(values[name], unescape(value))
		}
	}
	return values
}

func unescape(s string) string {
	if text, err := url.QueryUnescape(s); err == nil {
		return text
	}
	return s
}
