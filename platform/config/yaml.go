package config

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// node is a value of the file: a mapping, a sequence, a scalar as its text, or nothing.
type node struct {
	line    int
	kind    nodeKind
	text    string
	entries []entry
	items   []node
}

type entry struct {
	key   string
	line  int
	value node
}

type nodeKind uint8

const (
	absent nodeKind = iota
	scalar
	mapping
	sequence
)

// syntaxError is a file that is not the YAML Portico takes. Text repeats nothing of the file.
type syntaxError struct {
	line int
	text string
}

func (e *syntaxError) Error() string { return e.text }

// parseYAML takes one document whose top is a mapping, or none. Of YAML it leaves out anchors, aliases, merge keys and
// tags: they hide from the reader what a setting is.
func parseYAML(content []byte) (node, error) {
	content = bytes.TrimPrefix(content, []byte("\ufeff"))
	if !utf8.Valid(content) {
		return node{}, &syntaxError{1, "is not UTF-8 text; save it as UTF-8"}
	}
	if line := tabLine(content); line > 0 {
		return node{}, &syntaxError{line, "is indented with a tab; YAML takes spaces only"}
	}
	// Duplicates are left to the walk, which can tell both places.
	file, err := parser.ParseBytes(content, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return node{}, describe(err)
	}
	var top node
	seen := false
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if seen {
			return node{}, &syntaxError{doc.Body.GetToken().Position.Line, "begins a second document; keep one"}
		}
		seen = true
		if top, err = convert(doc.Body); err != nil {
			return node{}, err
		}
	}
	if top.kind != mapping && top.kind != absent {
		return node{}, &syntaxError{top.line, "is not a mapping; write settings as \"name: value\""}
	}
	return top, nil
}

// tabLine returns the first line whose indentation holds a tab, 0 when there is none. The text of a block scalar may:
// there the tab comes after the indentation by spaces.
func tabLine(content []byte) int {
	for i, line := range bytes.Split(content, []byte("\n")) {
		rest := bytes.TrimLeft(line, " \t\r")
		if len(rest) > 0 && rest[0] != '#' && len(line) > 0 && line[0] == '\t' {
			return i + 1
		}
	}
	return 0
}

const invalidYAML = "is not valid YAML; look at its quotes, brackets and indentation"

// describe keeps the place and the kind of an error. Messages of the parser that quote the file stay out.
func describe(err error) error {
	var syntax *yaml.SyntaxError
	if !errors.As(err, &syntax) || syntax.Token == nil {
		return &syntaxError{1, invalidYAML}
	}
	text := invalidYAML
	if message := syntax.Message; !strings.ContainsAny(message, "\"`'\n\t") {
		text = "is not valid YAML: " + message
	}
	return &syntaxError{syntax.Token.Position.Line, text}
}

func convert(n ast.Node) (node, error) {
	line := n.GetToken().Position.Line
	switch n := n.(type) {
	case *ast.NullNode:
		return node{line: line}, nil
	case *ast.StringNode:
		return node{line: line, kind: scalar, text: n.Value}, nil
	case *ast.LiteralNode:
		return node{line: line, kind: scalar, text: n.Value.Value}, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node{line: line, kind: scalar, text: n.GetToken().Value}, nil
	case *ast.MappingNode:
		return convertMapping(line, n)
	case *ast.SequenceNode:
		out := node{line: line, kind: sequence}
		for _, value := range n.Values {
			item, err := convert(value)
			if err != nil {
				return node{}, err
			}
			out.items = append(out.items, item)
		}
		return out, nil
	}
	return node{}, &syntaxError{line, "uses an anchor, alias, merge key or tag, which settings cannot; write the value out"}
}

func convertMapping(line int, n *ast.MappingNode) (node, error) {
	out := node{line: line, kind: mapping}
	for _, pair := range n.Values {
		token := pair.Key.GetToken()
		key, err := convert(pair.Key)
		if err != nil {
			return node{}, err
		}
		if key.kind != scalar {
			return node{}, &syntaxError{token.Position.Line, "has a key that is not a name"}
		}
		value, err := convert(pair.Value)
		if err != nil {
			return node{}, err
		}
		out.entries = append(out.entries, entry{key: key.text, line: token.Position.Line, value: value})
	}
	return out, nil
}
