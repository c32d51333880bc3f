package specfuzz

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// node is a value of JSON that can be spoilt: names may be there twice, and a text need not be valid.
type node struct {
	kind    kind
	literal string   // of a scalar: JSON as it is sent
	members []member // of an object, in order
	items   []*node
}

type kind uint8

const (
	scalar kind = iota
	array
	mapping
)

type member struct {
	name  string // JSON as it is sent, quotes included
	value *node
}

func literal(s string) *node { return &node{literal: s} }

func quoted(s string) *node { return literal(quote(s)) }

// quote writes a string as JSON, with nothing escaped that need not be.
func quote(s string) string {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // strings do not fail
	return strings.TrimSuffix(out.String(), "\n")
}

// read makes a node of JSON, nil of what is none.
func read(text []byte) *node {
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	n := readValue(in)
	if n == nil || in.More() {
		return nil
	}
	return n
}

func readValue(in *json.Decoder) *node {
	token, err := in.Token()
	if err != nil {
		return nil
	}
	switch token := token.(type) {
	case json.Delim:
		return readInner(in, token)
	case string:
		return quoted(token)
	case json.Number:
		return literal(token.String())
	case bool:
		return literal(strconv.FormatBool(token))
	}
	return literal("null")
}

func readInner(in *json.Decoder, open json.Delim) *node {
	n := &node{kind: array}
	if open == '{' {
		n.kind = mapping
	}
	for in.More() {
		var name string
		if n.kind == mapping {
			token, err := in.Token()
			if err != nil {
				return nil
			}
			name, _ = token.(string)
		}
		value := readValue(in)
		if value == nil {
			return nil
		}
		if n.kind == mapping {
			n.members = append(n.members, member{quote(name), value})
		} else {
			n.items = append(n.items, value)
		}
	}
	_, _ = in.Token()
	return n
}

// append writes the node as JSON.
func (n *node) append(out []byte) []byte {
	switch n.kind {
	case array:
		out = append(out, '[')
		for i, item := range n.items {
			if i > 0 {
				out = append(out, ',')
			}
			out = item.append(out)
		}
		return append(out, ']')
	case mapping:
		out = append(out, '{')
		for i, m := range n.members {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(append(out, m.name...), ':')
			out = m.value.append(out)
		}
		return append(out, '}')
	}
	return append(out, n.literal...)
}

// all returns the node and everything in it.
func (n *node) all() []*node { return n.gather(nil) }

func (n *node) gather(found []*node) []*node {
	found = append(found, n)
	for _, m := range n.members {
		found = m.value.gather(found)
	}
	for _, item := range n.items {
		found = item.gather(found)
	}
	return found
}
