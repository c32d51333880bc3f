// Package specfuzz reads an OpenAPI document, makes requests of it that are valid, nearly valid or hostile, and holds the
// replies against it. It knows nothing of the program behind: what the document leaves open, such as which texts are an
// e-mail address, it is told in [Generator].
package specfuzz

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Document is an OpenAPI 3.1 document.
type Document struct {
	Operations []*Operation // by path and method

	tree     map[string]any
	compiler *jsonschema.Compiler
}

// Operation is one method of one path.
type Operation struct {
	Method, Path string // "/api/groups/{id}"

	doc    *Document
	origin string // the path in the document
	params []param
	body   *body
	tree   map[string]any
	checks map[string]*jsonschema.Schema // of the bodies of replies, by status and name of a header
}

type param struct {
	in, name string
	required bool
	schema   map[string]any
}

type body struct {
	media    string
	required bool
	schema   any
}

func (o *Operation) String() string { return o.Method + " " + o.Path }

// location is where the document says it is.
const location = "https://specfuzz.invalid/openapi.json"

// Parse reads a document. Objects in replies may have no member that the document does not name: who reads the document
// relies on that, although JSON Schema has it otherwise.
func Parse(text []byte) (*Document, error) {
	d := &Document{compiler: jsonschema.NewCompiler()}
	tree, err := parse(text)
	if err != nil {
		return nil, err
	}
	d.tree, _ = tree.(map[string]any)
	closed, err := parse(text)
	if err != nil {
		return nil, err
	}
	closeObjects(closed)
	d.compiler.DefaultDraft(jsonschema.Draft2020)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource(location, closed); err != nil {
		return nil, err
	}
	for path, item := range object(d.tree["paths"]) {
		for method, operation := range object(item) {
			d.Operations = append(d.Operations, d.operation(strings.ToUpper(method), path, object(operation)))
		}
	}
	slices.SortFunc(d.Operations, func(a, b *Operation) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
	})
	return d, nil
}

func (d *Document) operation(method, path string, tree map[string]any) *Operation {
	o := &Operation{Method: method, Path: path, doc: d, origin: path, tree: tree, checks: map[string]*jsonschema.Schema{}}
	for _, p := range list(tree["parameters"]) {
		p := object(p)
		required, _ := p["required"].(bool)
		o.params = append(o.params, param{text(p["in"]), text(p["name"]), required, object(p["schema"])})
	}
	if given := object(tree["requestBody"]); given != nil {
		required, _ := given["required"].(bool)
		for media, content := range object(given["content"]) {
			o.body = &body{media, required, object(content)["schema"]}
		}
	}
	return o
}

// Moved returns the operations of a service as they are behind a gateway that passes them on: with other paths.
func (d *Document) Moved(path func(string) (string, bool)) []*Operation {
	var moved []*Operation
	for _, o := range d.Operations {
		if to, ok := path(o.Path); ok {
			o.Path = to
			moved = append(moved, o)
		}
	}
	return moved
}

// closeObjects forbids what the document does not name.
func closeObjects(tree any) {
	switch tree := tree.(type) {
	case []any:
		for _, item := range tree {
			closeObjects(item)
		}
	case map[string]any:
		_, named := tree["properties"].(map[string]any)
		if _, said := tree["additionalProperties"]; named && !said && tree["type"] == "object" {
			tree["additionalProperties"] = false
		}
		for _, member := range tree {
			closeObjects(member)
		}
	}
}

// resolve follows references within the document.
func (d *Document) resolve(schema any) map[string]any {
	for {
		s := object(schema)
		ref, ok := s["$ref"].(string)
		if !ok {
			return s
		}
		var at any = d.tree
		for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			at = object(at)[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
		}
		if at == nil {
			return nil
		}
		schema = at
	}
}

// parse reads JSON and keeps numbers as they are written.
func parse(text []byte) (any, error) {
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	var tree any
	if err := in.Decode(&tree); err != nil {
		return nil, err
	}
	if _, err := in.Token(); err != io.EOF {
		return nil, fmt.Errorf("bytes after the end at %d", in.InputOffset())
	}
	return tree, nil
}

func object(v any) map[string]any { o, _ := v.(map[string]any); return o }
func list(v any) []any            { l, _ := v.([]any); return l }
func text(v any) string           { s, _ := v.(string); return s }
