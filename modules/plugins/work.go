package plugins

import (
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	maxWork  = 200_000 // looks of a part of the schema at a value
	maxStack = 1000    // of them within each other
)

// tooMuch tells whether validating a document would take more than maxWork. A schema of a few lines can have alternatives
// in alternatives, each looked at as often as there are ways to it, so the ways are counted before any is gone.
func (s *schema) tooMuch(document any) bool {
	w := &work{schema: s, spent: map[visit]int{}}
	return w.cost(s.root, newPlace(document), 0) > maxWork || w.over
}

// place is a value of a document with an identity of its own.
type place struct {
	value   any
	members map[string]*place
	names   map[string]*place
	items   []*place
}

func newPlace(value any) *place {
	p := &place{value: value}
	switch value := value.(type) {
	case map[string]any:
		p.members, p.names = make(map[string]*place, len(value)), make(map[string]*place, len(value))
		for key, member := range value {
			p.members[key], p.names[key] = newPlace(member), &place{value: key}
		}
	case []any:
		for _, item := range value {
			p.items = append(p.items, newPlace(item))
		}
	}
	return p
}

type visit struct {
	part  *jsonschema.Schema
	place *place
}

type work struct {
	schema *schema
	spent  map[visit]int
	over   bool
}

// cost is the work of one part at one place with all that follows from it.
func (w *work) cost(part *jsonschema.Schema, at *place, depth int) int {
	v := visit{part, at}
	if spent, again := w.spent[v]; again {
		return spent
	}
	if depth > maxStack || len(w.spent) > maxWork {
		w.over = true
	}
	if w.over {
		return 0
	}
	w.spent[v] = 0 // for one that leads to itself, which the validator ends
	sum := 1 + ownCost(part, at.value)
	add := func(p *jsonschema.Schema, next *place) {
		sum = min(sum+w.cost(p, next, depth+1), maxWork+1)
	}
	for _, p := range w.schema.alongside(part) {
		add(p, at)
	}
	for key, member := range at.members {
		named, others := forMember(part, key)
		for _, p := range named {
			add(p, member)
		}
		for _, p := range others {
			add(p, member)
		}
		if part.PropertyNames != nil {
			add(part.PropertyNames, at.names[key])
		}
	}
	for i, item := range at.items {
		for _, p := range forItem(part, i) {
			add(p, item)
		}
	}
	w.spent[v] = sum
	return sum
}

// ownCost is that of what a part says about the value alone, a look or so apart.
func ownCost(part *jsonschema.Schema, value any) int {
	cost := 0
	if part.Enum != nil {
		cost += len(part.Enum.Values)
	}
	switch value := value.(type) {
	case string:
		if p, ok := part.Pattern.(*pattern); ok {
			cost += len(value) * p.size / 64
		}
		if part.Format != nil && part.Format.Name == "regex" {
			cost += maxProgram
		}
	case map[string]any:
		for expression := range part.PatternProperties {
			for key := range value {
				cost += len(key) * expression.(*pattern).size / 64
			}
		}
	}
	return min(cost, maxWork+1)
}
