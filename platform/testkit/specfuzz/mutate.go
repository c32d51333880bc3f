package specfuzz

import (
	"bytes"
	"strings"
)

// spoil changes one thing in a tree.
func (g *Generator) spoil(root *node) {
	all := root.all()
	at := pick(g, all)
	if len(all) > 1 && at == root && g.chance(80) {
		at = pick(g, all[1:])
	}
	switch holder := g.holder(all); {
	case holder != nil && g.chance(45):
		g.spoilMember(holder)
	case at.kind == array && g.chance(50):
		g.spoilList(at)
	default:
		g.spoilValue(root, at)
	}
}

// holder is an object with members, nil where there is none.
func (g *Generator) holder(all []*node) *node {
	var holders []*node
	for _, n := range all {
		if len(n.members) > 0 {
			holders = append(holders, n)
		}
	}
	if len(holders) == 0 {
		return nil
	}
	return pick(g, holders)
}

func (g *Generator) spoilMember(n *node) {
	i := g.IntN(len(n.members))
	m := n.members[i]
	name := strings.Trim(m.name, `"`)
	if g.tame(name) {
		return
	}
	switch g.IntN(9) {
	case 0, 1:
		n.members = append(n.members[:i:i], n.members[i+1:]...)
	case 2:
		n.members[i].value = literal("null")
	case 3:
		n.members = append(n.members, m)
	case 4:
		n.members = append(n.members, member{m.name, g.anything(0)})
	case 5: // under another name, the value of which may still be a secret
		n.members[i].name = quote(g.Pick(strings.ToUpper(name), strings.ToUpper(name[:min(1, len(name))])+name[min(1, len(name)):], name+" ", " "+name, name+"s", "\u017f"+name,
			strings.ReplaceAll(name, "s", "\u017f"), strings.ReplaceAll(name, "k", "\u212a"), name+"\x00", strings.ReplaceAll(name, "_", "-"), ""))
	case 6:
		n.members = append(n.members, member{quote(pick(g, append([]string{"id", "is_superuser", "hashed_password", "is_admin", "$ref"}, hostileTexts...))), g.anything(0)})
	case 7:
		n.members[i].name = g.Pick(`"\u0070assword"`, "\"a\xff\"", `"\ud800"`, name, `'a'`, "1", `"a`)
	case 8:
		many := &node{kind: mapping}
		for range 300 {
			many.members = append(many.members, member{quote(g.Word(6)), m.value})
		}
		n.members[i].value = many
	}
}

func (g *Generator) spoilList(n *node) {
	switch g.IntN(4) {
	case 0:
		n.items = nil
	case 1:
		n.items = append(n.items, g.anything(0))
	case 2:
		n.items = append(n.items, n.items...)
	case 3:
		item := quoted("a")
		if len(n.items) > 0 {
			item = n.items[0]
		}
		for range pick(g, []int{51, 101, 1001}) {
			n.items = append(n.items, item)
		}
	}
}

func (g *Generator) spoilValue(root, at *node) {
	if g.tamed(root, at) {
		return
	}
	switch g.IntN(8) {
	case 0, 1:
		*at = *quoted(pick(g, hostileTexts))
	case 2, 3:
		*at = *literal(pick(g, hostileLiterals))
	case 4:
		*at = *quoted(g.Word(pick(g, []int{0, 1, 7, 64, 65, 128, 129, 200, 201, 255, 256, 320, 321, 512, 513})))
	case 5:
		inner := *at
		*at = node{kind: array, items: []*node{&inner}}
	case 6:
		depth := pick(g, []int{20, 100, 1000, 9_000, 12_000})
		*at = *literal(strings.Repeat(g.Pick("[", `{"a":`), depth))
		if at.literal[0] == '[' {
			at.literal += strings.Repeat("]", depth)
		} else {
			at.literal += "1" + strings.Repeat("}", depth)
		}
	case 7:
		*at = *g.anything(0)
	}
}

// tamed tells whether a node is within a field that must not be made up.
func (g *Generator) tamed(root, at *node) bool {
	for _, n := range root.all() {
		for _, m := range n.members {
			if !g.tame(m.name) {
				continue
			}
			for _, inner := range m.value.all() {
				if inner == at {
					return true
				}
			}
		}
	}
	return false
}

// spoilBytes changes a body as it is sent.
func (g *Generator) spoilBytes(body []byte) []byte {
	switch g.IntN(10) {
	case 0:
		return nil
	case 1:
		return append([]byte("\xEF\xBB\xBF"), body...)
	case 2:
		return append(bytes.Clone(body), g.Pick("x", "{}", "null", "\x00", " \r\n\t", ",", "]", "}")...)
	case 3:
		return body[:g.IntN(len(body)+1)]
	case 4:
		at := g.IntN(len(body) + 1)
		return append(append(bytes.Clone(body[:at]), g.Pick("\x00", "\xff", "\"", "\\", "\n", "{", "]", "\xed\xa0\x80", "//")...), body[at:]...)
	case 5:
		return append(append([]byte(" \n\t"), body...), "\r\n "...)
	case 6:
		return []byte(g.Pick(" ", "null", "[]", "{}", "0", `""`, "true", "\x1f\x8b\x08\x00", "<a/>", "a=b&c=d", "--x\r\n\r\n--x--", "\xff\xfe{\x00}\x00"))
	case 7:
		return append(append([]byte("["), body...), ']')
	case 8:
		return append(bytes.Clone(body), bytes.Repeat([]byte(" "), 70_000)...)
	}
	return append([]byte("\x00"), body...)
}
