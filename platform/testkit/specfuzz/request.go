package specfuzz

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Request is a request as it is sent, byte by byte.
type Request struct {
	Method, Target string
	Header         [][2]string
	Body           []byte
	Chunked        bool
	Declared       int64 // a Content-Length of which nothing follows; 0: that of Body

	// Elsewhere says that the method or the path is none of the operation's: another one may answer, or none.
	Elsewhere bool
	// Refusable says that an HTTP server may refuse it before the program behind sees it.
	Refusable bool
}

// Add adds a header line.
func (r *Request) Add(name, value string) { r.Header = append(r.Header, [2]string{name, value}) }

// Request makes a request of the operation. Of a hundred some forty are valid as far as the document tells, some thirty
// have one thing wrong, the rest more than one.
func (g *Generator) Request(o *Operation) *Request {
	faults := 0
	switch n := g.IntN(100); {
	case n >= 75:
		faults = 1 + g.IntN(4)
	case n >= 45:
		faults = 1
	}
	r := &Request{Method: o.Method}
	r.Target = g.path(o)
	query := g.query(o, r)
	g.body(o, r)
	for range faults {
		query = g.spoilRequest(o, r, query)
	}
	if len(query) > 0 {
		r.Target += "?" + strings.Join(query, "&")
	}
	return r
}

// path fills in the parameters of the path.
func (g *Generator) path(o *Operation) string {
	segments := strings.Split(o.Path, "/")
	var together []string
	if known := g.Pool.Pick(g.Rand, g.Pool.nest(o.Path)); known != "" && strings.Count(o.Path, "{") > 1 && g.chance(80) {
		together = strings.Split(known, "/")
	}
	for i, s := range segments {
		if !strings.HasPrefix(s, "{") {
			continue
		}
		if len(together) > 0 {
			segments[i], together = together[0], together[1:]
			continue
		}
		name := strings.Trim(s, "{}")
		value := g.Pool.Pick(g.Rand, segments[i-1])
		for _, key := range []string{segments[i-1] + "/" + name, o.Method + " " + segments[i-1] + "/" + name} {
			if make, ok := g.Texts[key]; ok {
				value = make(g)
			}
		}
		if value == "" || g.chance(4) {
			value = "a0000000-0000-4000-8000-00000000000" + g.Pick("0", "1")
		}
		parts := strings.Split(value, "/") // where a parameter is the rest of the path
		for i := range parts {
			parts[i] = url.PathEscape(parts[i])
		}
		segments[i] = strings.Join(parts, "/")
	}
	return strings.Join(segments, "/")
}

func (g *Generator) query(o *Operation, r *Request) []string {
	var query []string
	for _, p := range o.params {
		if p.in == "path" || !p.required && !g.chance(30) {
			continue
		}
		value := g.scalar(o, p)
		if p.in == "header" {
			r.Add(p.name, value)
			continue
		}
		query = append(query, p.name+"="+url.QueryEscape(value))
	}
	return query
}

// scalar is a parameter's value as a text.
func (g *Generator) scalar(o *Operation, p param) string {
	switch make, ok := g.Texts["?"+p.name]; {
	case p.name == "If-Match":
		return g.Pool.Pick(g.Rand, "etag")
	case p.name == "sort":
		return g.Pick("", "-") + pick(g, append([]string{"id", "name", "email"}, o.sortable()...))
	case ok:
		return make(g)
	}
	return strings.Trim(g.value(o.doc, p.schema, p.name, 0).literal, `"`)
}

// sortable are the names of what the items of a list have.
func (o *Operation) sortable() []string {
	success := object(object(object(o.tree["responses"])["200"])["content"])
	schema := o.doc.resolve(object(success["application/json"])["schema"])
	return sortedKeys(object(o.doc.resolve(schema["items"])["properties"]))
}

func (g *Generator) body(o *Operation, r *Request) {
	if make, ok := g.Bodies[o.String()]; ok {
		contentType, content := make(g)
		if contentType != "" {
			r.Add("Content-Type", contentType)
		}
		r.Body = content
		return
	}
	if o.body == nil || !o.body.required && g.chance(40) {
		return
	}
	tree := g.value(o.doc, o.body.schema, "", 0)
	media := o.body.media
	if media == "application/x-www-form-urlencoded" {
		r.Body = encodeForm(tree)
	} else {
		media = strings.ReplaceAll(media, "*/*", "application/json")
		r.Body = tree.append(nil)
	}
	r.Add("Content-Type", media)
}

func encodeForm(tree *node) []byte {
	var pairs []string
	for _, m := range tree.members {
		text, _ := parse([]byte(m.value.literal))
		pairs = append(pairs, url.QueryEscape(strings.Trim(m.name, `"`))+"="+url.QueryEscape(fmt.Sprint(text)))
	}
	return []byte(strings.Join(pairs, "&"))
}

// Curl is a command of bash that sends the request.
func (r *Request) Curl(base string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "curl -sS -i --path-as-is -X %s", bash(r.Method))
	if r.Method == http.MethodHead {
		out.WriteString(" --head")
	}
	for _, h := range r.lines() {
		if strings.HasPrefix(h, "Authorization: Bearer ") { // of no use later, and long
			out.WriteString(` -H "Authorization: Bearer $TOKEN"`)
			continue
		}
		out.WriteString(" -H " + bash(h))
	}
	if len(r.Body) > 0 && r.Declared == 0 {
		out.WriteString(" --data-binary " + bash(string(r.Body[:min(len(r.Body), 4000)])))
	}
	return out.String() + " " + bash(base+r.Target)
}

func (r *Request) lines() []string {
	var out []string
	for _, h := range r.Header {
		out = append(out, h[0]+": "+h[1])
	}
	if r.Declared > 0 {
		out = append(out, fmt.Sprintf("Content-Length: %d", r.Declared))
	}
	if r.Chunked {
		out = append(out, "Transfer-Encoding: chunked")
	}
	return out
}

// bash quotes a text so that every byte survives.
func bash(s string) string {
	if !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' || c == '\'' }) {
		return "'" + s + "'"
	}
	var out strings.Builder
	out.WriteString("$'")
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'' || c == '\\':
			out.WriteString(`\` + string(c))
		case c < ' ' || c > '~':
			fmt.Fprintf(&out, `\x%02x`, c)
		default:
			out.WriteByte(c)
		}
	}
	return out.String() + "'"
}
