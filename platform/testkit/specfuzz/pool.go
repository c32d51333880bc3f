package specfuzz

import (
	"math/rand/v2"
	"slices"
	"strings"
)

// perKind is how many values of a kind a pool remembers, the latest ones.
const perKind = 48

// Pool remembers what replies have told: the ids of what there is, and whatever other requests may name. Kinds are the
// names of collections in paths, such as groups, and the names of fields, such as email.
type Pool struct {
	Forbidden []string // values that no request may name

	collections map[string]bool     // path segments before a parameter
	values      map[string][]string // the latest last
}

// NewPool makes a pool for the operations.
func NewPool(operations []*Operation) *Pool {
	p := &Pool{collections: map[string]bool{}, values: map[string][]string{}}
	for _, o := range operations {
		segments := strings.Split(o.Path, "/")
		for i, s := range segments {
			if strings.HasPrefix(s, "{") {
				p.collections[segments[i-1]] = true
			}
		}
	}
	return p
}

// Add remembers a value, in place of the oldest one of its kind where there are many.
func (p *Pool) Add(kind, value string) {
	if value == "" || slices.Contains(p.Forbidden, value) || slices.Contains(p.values[kind], value) {
		return
	}
	values := append(p.values[kind], value)
	p.values[kind] = values[max(0, len(values)-perKind):]
}

// fresh is how many of the latest values are picked as often as all together: others are gone more likely than not.
const fresh = 3

// Pick returns a value of the kind, empty while there is none.
func (p *Pool) Pick(r *rand.Rand, kind string) string {
	values := p.values[kind]
	if len(values) > fresh && r.IntN(2) == 0 {
		values = values[len(values)-fresh:]
	}
	if len(values) == 0 {
		return ""
	}
	return values[r.IntN(len(values))]
}

// names are the fields whose values other requests may name, by the kind under which they are remembered.
var names = map[string]string{
	"user_id": "users", "owner_id": "users", "email": "email", "theme_id": "themes", "service_id": "system-prompts", "key": "key",
	"name": "name", "label": "name", "token": "token", "category_id": "categories", "full_name": "name", "root": "root",
}

// Harvest remembers what a reply has told.
func (p *Pool) Harvest(o *Operation, asked *Request, r *Reply) {
	if r.Status < 300 {
		p.remember(o.Path, asked.Target)
	}
	if tag := r.Header.Get("ETag"); tag != "" {
		p.Add("etag", tag)
	}
	if r.Header.Get("Content-Type") != "application/json" || r.Status >= 300 {
		return
	}
	tree, err := parse(r.Body)
	if err == nil {
		p.harvest(p.collection(o.Path), tree)
	}
}

// remember keeps the values of a path with several parameters together: each of them alone is there, but few of them are
// one in another.
func (p *Pool) remember(template, target string) {
	path, _, _ := strings.Cut(target, "?")
	given := strings.Split(path, "/")
	var values []string
	for i, s := range strings.Split(template, "/") {
		if strings.HasPrefix(s, "{") {
			values = append(values, given[i])
		}
	}
	if len(values) > 1 {
		p.Add(p.nest(template), strings.Join(values, "/"))
	}
}

// nest is the kind of the values of a path together: the collections that they are of.
func (p *Pool) nest(template string) string {
	kind := ""
	segments := strings.Split(template, "/")
	for i, s := range segments {
		if strings.HasPrefix(s, "{") {
			kind += "/" + segments[i-1]
		}
	}
	return kind
}

// collection is what the path is about: the last of its segments that is a collection.
func (p *Pool) collection(path string) string {
	for _, s := range slices.Backward(strings.Split(path, "/")) {
		if p.collections[s] {
			return s
		}
	}
	return ""
}

func (p *Pool) harvest(collection string, tree any) {
	switch tree := tree.(type) {
	case []any:
		for _, item := range tree[max(0, len(tree)-perKind):] {
			p.harvest(collection, item)
		}
	case map[string]any:
		for _, name := range sortedKeys(tree) {
			value := tree[name]
			if s, ok := value.(string); ok {
				switch kind := names[name]; {
				case name == "id" || name == "key" && collection != "history":
					p.Add(collection, s)
				case kind != "":
					p.Add(kind, s)
				}
				continue
			}
			inner := collection
			if p.collections[name] || name == "members" {
				inner = name
			}
			p.harvest(inner, value)
		}
	}
}
