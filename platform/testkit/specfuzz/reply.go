package specfuzz

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Reply is what came back.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// Check tells in what a reply to the operation is not what the document says: an undocumented success, a header that is
// missing, a body that does not fit, or that there is one. Statuses from 400 fall under "default".
func (o *Operation) Check(r *Reply) error {
	responses := object(o.tree["responses"])
	name := strconv.Itoa(r.Status)
	if _, ok := responses[name]; !ok && (r.Status >= 400 || !o.namesSuccess()) {
		name = "default"
	}
	spec, ok := responses[name]
	if !ok {
		return fmt.Errorf("status %d is not in the document", r.Status)
	}
	described := o.doc.resolve(spec)
	for _, header := range slices.Sorted(maps.Keys(object(described["headers"]))) {
		if err := o.checkHeader(name, header, r.Header); err != nil {
			return err
		}
	}
	content := object(described["content"])
	_, isJSON := content["application/json"]
	switch {
	case o.Method == http.MethodHead:
		return nil
	case isJSON:
		return o.checkBody(name, r)
	case len(content) > 0:
		return checkMedia(content, r)
	case len(r.Body) > 0:
		return errors.New("there is a body, of which the document says nothing")
	}
	return nil
}

// namesSuccess tells whether the document says which statuses a success has. It does not where a service behind decides.
func (o *Operation) namesSuccess() bool {
	for name := range object(o.tree["responses"]) {
		if name[0] == '2' {
			return true
		}
	}
	return false
}

func checkMedia(content map[string]any, r *Reply) error {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if _, ok := content[media]; ok || content["*/*"] != nil {
		return nil
	}
	return fmt.Errorf("Content-Type %q is not in the document", media)
}

func (o *Operation) checkBody(status string, r *Reply) error {
	tree, err := r.JSON()
	if err != nil {
		return err
	}
	schema, err := o.compiled("responses", status, "content", "application/json", "schema")
	if err != nil {
		return err
	}
	return explain(schema.Validate(tree))
}

func (o *Operation) checkHeader(status, name string, h http.Header) error {
	values := h.Values(name)
	if len(values) != 1 {
		return fmt.Errorf("the header %s is there %d times", name, len(values))
	}
	schema, err := o.compiled("responses", status, "headers", name, "schema")
	if err != nil {
		return err
	}
	var value any = values[0]
	if n, err := strconv.ParseInt(values[0], 10, 64); err == nil && schema.Validate(n) == nil {
		return nil
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("the header %s: %w", name, explain(err))
	}
	return nil
}

// compiled is the schema at a place in the operation.
func (o *Operation) compiled(steps ...string) (*jsonschema.Schema, error) {
	at := "#"
	for _, step := range append([]string{"paths", o.origin, strings.ToLower(o.Method)}, steps...) {
		at += "/" + url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(step))
	}
	if known, ok := o.checks[at]; ok {
		return known, nil
	}
	schema, err := o.doc.compiler.Compile(location + at)
	if err != nil {
		return nil, fmt.Errorf("the document's schema is none: %w", err)
	}
	o.checks[at] = schema
	return schema, nil
}

// explain keeps the innermost of what is wrong, in one line.
func explain(err error) error {
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &invalid) {
		return err
	}
	for len(invalid.Causes) > 0 {
		invalid = invalid.Causes[0]
	}
	where := make([]string, len(invalid.InstanceLocation))
	for i, step := range invalid.InstanceLocation {
		where[i] = step
		if _, err := strconv.Atoi(step); err == nil {
			where[i] = "#"
		}
	}
	return fmt.Errorf("the body does not fit the document at /%s: %T", strings.Join(where, "/"), invalid.ErrorKind)
}

// JSON reads the body, which must be strict JSON and say that it is JSON.
func (r *Reply) JSON() (any, error) {
	if media := r.Header.Get("Content-Type"); media != "application/json" {
		return nil, fmt.Errorf("Content-Type is %q and not application/json", media)
	}
	if !jsontext.Value(r.Body).IsValid() {
		return nil, errors.New("the body is no JSON in UTF-8 with each name once")
	}
	return parse(r.Body)
}

// CheckError holds a reply against the form of FastAPI's errors: a detail that is a text, or where the status is 422 a list
// of issues, each with type, loc, msg and input.
func CheckError(r *Reply) error {
	tree, err := r.JSON()
	if err != nil {
		return err
	}
	detail, ok := object(tree)["detail"]
	if !ok || len(object(tree)) != 1 {
		return errors.New("an error whose body is not a detail alone")
	}
	if r.Status != http.StatusUnprocessableEntity {
		if text(detail) == "" {
			return errors.New("an error whose detail is no text")
		}
		return nil
	}
	if len(list(detail)) == 0 {
		return errors.New("a 422 without issues")
	}
	for _, issue := range list(detail) {
		issue := object(issue)
		_, input := issue["input"]
		if text(issue["type"]) == "" || text(issue["msg"]) == "" || len(list(issue["loc"])) == 0 || !input {
			return errors.New("a 422 whose issue lacks type, loc, msg or input")
		}
	}
	return nil
}
