package web

import (
	stdjson "encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/swaggest/swgui/v5emb"
)

// newRegistry names schemas by their Go types, with the package in front where the name alone says too little.
func newRegistry() huma.Registry {
	huma.DefaultArrayNullable = false
	reg := huma.NewMapRegistry("#/components/schemas/", func(t reflect.Type, hint string) string {
		for t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		name := huma.DefaultSchemaNamer(t, hint)
		pkg := t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+1:]
		if t.Name() == "" || pkg == "" || !unicode.IsLower([]rune(t.Name())[0]) {
			return name
		}
		return strings.ToUpper(pkg[:1]) + pkg[1:] + name
	})
	reg.RegisterTypeAlias(reflect.TypeFor[jsontext.Value](), reflect.TypeFor[stdjson.RawMessage]()) // not bytes in base64
	return reg
}

// OpenAPI returns the document that describes the site, as JSON.
func (s *Site) OpenAPI() ([]byte, error) { return s.document.MarshalJSON() }

func (s *Site) documentRoutes() RouteSet {
	docs := v5emb.New(s.Title, "/openapi.json", "/docs")
	page := func(w http.ResponseWriter, r *http.Request) error { docs.ServeHTTP(w, r); return nil }
	return RouteSet{Module: "web", Routes: []Route{
		Raw(http.MethodGet, "/openapi.json", Public, func(w http.ResponseWriter, _ *http.Request) error {
			return WriteJSON(w, http.StatusOK, s.document)
		}, Hide()),
		Raw(http.MethodGet, "/docs", Public, page, Hide()),
		Raw(http.MethodGet, "/docs/{path...}", Public, page, Hide()),
	}}
}

// describe writes the document from the plans.
func (s *Site) describe() *huma.OpenAPI {
	doc := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: s.Title, Version: s.Version},
		Paths:   map[string]*huma.PathItem{},
		Components: &huma.Components{
			Schemas: s.registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT"},
			},
		},
	}
	for _, e := range s.endpoints {
		path := strings.ReplaceAll(e.path, "...}", "}")
		for method, p := range e.methods {
			if p.Hidden {
				continue
			}
			if doc.Paths[path] == nil {
				doc.Paths[path] = &huma.PathItem{}
			}
			*slot(doc.Paths[path], method) = s.operation(e.path, p)
		}
	}
	for _, schema := range s.registry.Map() {
		finish(schema)
	}
	return doc
}

// finish says in the document what the Go types leave open.
func finish(object *huma.Schema) {
	if object.AdditionalProperties == false {
		object.AdditionalProperties = nil // unknown fields are ignored
	}
	for _, p := range object.Properties {
		if p.Nullable && len(p.Enum) > 0 {
			p.Enum = append(slices.Clone(p.Enum), nil)
		}
	}
}

func slot(item *huma.PathItem, method string) **huma.Operation {
	return map[string]**huma.Operation{
		http.MethodGet: &item.Get, http.MethodHead: &item.Head, http.MethodPost: &item.Post, http.MethodPut: &item.Put,
		http.MethodPatch: &item.Patch, http.MethodDelete: &item.Delete, http.MethodOptions: &item.Options,
	}[method]
}

func (s *Site) operation(path string, p *plan) *huma.Operation {
	op := &huma.Operation{
		OperationID: operationID(p.Method, path), Summary: p.Summary, Tags: []string{p.module},
		Responses: map[string]*huma.Response{},
	}
	for _, f := range p.params {
		op.Parameters = append(op.Parameters, &huma.Param{Name: f.name, In: f.in, Required: f.required, Schema: f.schema, Description: f.schema.Description})
	}
	if p.in == nil { // a raw route declares only what its path holds
		for _, part := range strings.Split(path, "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				name = strings.TrimSuffix(strings.TrimSuffix(name, "}"), "...")
				op.Parameters = append(op.Parameters, &huma.Param{Name: name, In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
			}
		}
	}
	if p.body != nil {
		media := "application/json"
		if p.body.form {
			media = "application/x-www-form-urlencoded"
		}
		field := p.in.FieldByIndex(p.body.index)
		op.RequestBody = &huma.RequestBody{Required: !p.body.optional,
			Content: map[string]*huma.MediaType{media: {Schema: s.registry.Schema(field.Type, true, op.OperationID)}}}
	}
	if p.takesRaw() {
		op.RequestBody = &huma.RequestBody{Content: map[string]*huma.MediaType{"*/*": {Schema: &huma.Schema{}}}}
	}
	for _, code := range append([]int{p.Status}, p.also...) {
		op.Responses[strconv.Itoa(code)] = s.success(op, p, code)
	}
	if p.reply != nil && slices.ContainsFunc(p.reply.headers, func(h headerField) bool { return h.name == "ETag" }) && p.Method == http.MethodGet {
		op.Responses["304"] = &huma.Response{Description: "The client has it already (If-None-Match)"}
	}
	op.Responses["default"] = &huma.Response{Description: "Any other failure",
		Content: map[string]*huma.MediaType{"application/json": {Schema: s.errorSchema(0)}}}
	for _, e := range s.failures(p) {
		op.Responses[strconv.Itoa(e)] = &huma.Response{Description: http.StatusText(e),
			Content: map[string]*huma.MediaType{"application/json": {Schema: s.errorSchema(e)}}}
	}
	if p.passesOn {
		delete(op.Responses, strconv.Itoa(p.Status))
		op.Responses["default"] = &huma.Response{Description: "What the service answers, or the failure to reach it",
			Content: map[string]*huma.MediaType{"*/*": {Schema: &huma.Schema{}}}}
	}
	if p.Access != Public {
		op.Security = []map[string][]string{{"bearer": {}}}
	}
	return op
}

func (s *Site) success(op *huma.Operation, p *plan, code int) *huma.Response {
	ok := &huma.Response{Description: http.StatusText(code)}
	switch {
	case code == http.StatusNoContent || code == http.StatusNotModified:
		return ok
	case p.media != "":
		kind, _, _ := strings.Cut(p.media, ";")
		ok.Content = map[string]*huma.MediaType{kind: {Schema: &huma.Schema{}}}
		return ok
	case p.out == nil || p.reply.empty:
		return ok
	}
	body := p.out
	if p.reply.body != nil {
		body = p.out.FieldByIndex(p.reply.body).Type
	}
	ok.Content = map[string]*huma.MediaType{"application/json": {Schema: s.registry.Schema(body, true, op.OperationID)}}
	for _, h := range p.reply.headers {
		if ok.Headers == nil {
			ok.Headers = map[string]*huma.Param{}
		}
		f := p.out.FieldByIndex(h.index)
		ok.Headers[h.name] = &huma.Param{Schema: s.registry.Schema(f.Type, true, h.name)}
	}
	return ok
}

// takesRaw tells a route whose body nothing describes.
func (p *plan) takesRaw() bool {
	return p.in == nil && (p.Method == http.MethodPost || p.Method == http.MethodPut || p.Method == http.MethodPatch)
}

// failures are the statuses that follow from the shape of a route.
func (s *Site) failures(p *plan) []int {
	var codes []int
	if p.Access != Public {
		codes = append(codes, http.StatusUnauthorized)
	}
	if p.Access == Admin || p.allow != nil {
		codes = append(codes, http.StatusNotFound)
	}
	if slices.ContainsFunc(p.params, func(f param) bool { return f.name == "If-Match" }) {
		codes = append(codes, http.StatusPreconditionFailed)
	}
	if p.body != nil || len(p.params) > 0 || p.takesRaw() && !p.passesOn {
		codes = append(codes, http.StatusUnprocessableEntity)
	}
	return codes
}

// errorBody is the body of every error but 422.
type errorBody struct {
	Detail string `json:"detail"`
}

type validationBody struct {
	Detail []validationIssue `json:"detail"`
}

type validationIssue struct {
	Type  string         `json:"type"`
	Loc   []locStep      `json:"loc"`
	Msg   string         `json:"msg"`
	Input any            `json:"input"`
	Ctx   map[string]any `json:"ctx,omitzero"`
}

// locStep is a name, or the index in a list.
type locStep struct{}

func (locStep) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{{Type: huma.TypeString}, {Type: huma.TypeInteger}}}
}

func (s *Site) errorSchema(status int) *huma.Schema {
	if status == http.StatusUnprocessableEntity {
		return s.registry.Schema(reflect.TypeFor[validationBody](), true, "")
	}
	return s.registry.Schema(reflect.TypeFor[errorBody](), true, "")
}

// operationID is made of the method and the path: get_api_users_me.
func operationID(method, path string) string {
	id := strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return r
		}
		return '_'
	}, strings.ReplaceAll(path, "...", ""))
	return strings.ToLower(method) + strings.TrimRight(strings.ReplaceAll(strings.ReplaceAll(id, "__", "_"), "__", "_"), "_")
}
