package specfuzz

import (
	"net/url"
	"slices"
	"strings"
)

// spoilRequest makes one thing about a request wrong, or odd.
func (g *Generator) spoilRequest(o *Operation, r *Request, query []string) []string {
	n := g.IntN(100)
	switch {
	case n < 45 && len(r.Body) > 0:
		g.spoilBody(r)
	case n < 52 && strings.Contains(o.Path, "{"):
		g.spoilPath(o, r)
	case n < 68:
		if g.chance(20) && len(query) > 0 {
			return append(query, query...)
		}
		return append(query, g.oddQuery(o))
	case n < 84:
		line := pick(g, hostileHeaders)
		r.Add(line[0], line[1])
	case n < 90:
		g.retype(r)
	case n < 93:
		r.Method = g.Pick("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "QUERY")
		r.Elsewhere = r.Elsewhere || r.Method != o.Method
	case n < 95:
		r.Target = g.Pick(r.Target+"/", "/"+r.Target, strings.Replace(r.Target, "/api/", "/api//", 1), r.Target+"/x", strings.ToUpper(r.Target), r.Target+"%2f", r.Target+"/..", r.Target+".json", r.Target+"%00")
		r.Elsewhere = true
	case n < 98:
		r.Chunked = len(r.Body) > 0 && r.Declared == 0
		if len(r.Body) == 0 { // a body where none is wanted
			r.Body = []byte(g.Pick("{}", "x", `{"is_admin":true}`))
		}
	case n < 99 && !r.Chunked && (o.body == nil || o.body.media != "*/*"): // elsewhere the rest is waited for
		r.Declared = pick(g, []int64{1<<20 + 1, 1 << 30, 1 << 62})
	}
	return query
}

func (g *Generator) oddQuery(o *Operation) string {
	secret := g.Texts["password"]
	switch {
	case secret != nil && g.chance(10): // which has no place in a query, and none in a log
		return g.Pick("password", "token", "x") + "=" + url.QueryEscape(secret(g))
	case len(o.params) == 0 || g.chance(50):
		return pick(g, hostileQueries)
	}
	p := pick(g, o.params)
	return url.QueryEscape(g.Pick(p.name, strings.ToUpper(p.name), p.name+"[]", p.name+"\x00")) + "=" + url.QueryEscape(pick(g, hostileTexts))
}

// maxBody is well below what a server of Go reads of a body that its handler has left; beyond, it closes the connection
// and the client may not see the reply.
const maxBody = 200_000

func (g *Generator) spoilBody(r *Request) {
	var spoilt []byte
	if tree := read(r.Body); tree == nil || g.chance(20) {
		spoilt = g.spoilBytes(r.Body)
	} else {
		g.spoil(tree)
		spoilt = tree.append(nil)
	}
	if len(spoilt) <= maxBody {
		r.Body = spoilt
	}
}

// spoilPath puts something else into the path, where a parameter is.
func (g *Generator) spoilPath(o *Operation, r *Request) {
	segments, given := strings.Split(o.Path, "/"), strings.Split(r.Target, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") && i < len(given) && (g.chance(60) || i == len(segments)-1) {
			given[i] = pick(g, hostileSegments)
			if g.chance(30) {
				given[i] = url.PathEscape(strings.ReplaceAll(pick(g, hostileTexts), "/", "|"))
			}
			r.Elsewhere = r.Elsewhere || given[i] == ""
			r.Refusable = r.Refusable || strings.Contains(given[i], "%") // an escape that is none
			break
		}
	}
	r.Target = strings.Join(given, "/")
}

// retype gives the body another Content-Type, none, or two.
func (g *Generator) retype(r *Request) {
	if g.chance(80) {
		r.Header = slices.DeleteFunc(r.Header, func(h [2]string) bool { return h[0] == "Content-Type" })
	}
	if odd := pick(g, hostileTypes); odd != "" {
		r.Add("Content-Type", odd)
	}
}
