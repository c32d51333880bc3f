package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strconv"
	"strings"
	"syscall"
)

// maxFile bounds the file: every setting with its documentation takes a few kilobytes.
const maxFile = 1 << 20

func (l *loader) readFile(path string) {
	if path == "" {
		return
	}
	content, err := readLimited(path, maxFile)
	if errors.Is(err, errTooLarge) {
		err = errors.New("it is larger than 1 MiB")
	}
	if err != nil {
		l.add("", "--config / "+pathVariable, "cannot read %s: %v; name a readable YAML file", printable(path), reason(err))
		return
	}
	l.file = printable(path)
	top, err := parseYAML(content)
	var syntax *syntaxError
	if errors.As(err, &syntax) {
		l.add("", l.at(syntax.line), "%s", syntax.text)
		return
	}
	l.mapping(l.root, top)
}

var errTooLarge = errors.New("it is too large")

// readLimited reads a file of at most so many bytes.
func readLimited(path string, most int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe into which nobody writes holds up nothing
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(content)) > most {
		err = errTooLarge
	}
	return content, err
}

// reason drops operation and path, which the caller says itself.
func reason(err error) error {
	var errno syscall.Errno
	var pathError *fs.PathError
	switch {
	case errors.As(err, &errno):
		return errno
	case errors.As(err, &pathError):
		return pathError.Err
	}
	return err
}

func (l *loader) at(line int) string { return l.file + " line " + strconv.Itoa(line) }

// mapping takes what the file says about the group.
func (l *loader) mapping(g *group, n node) {
	if n.kind != mapping && n.kind != absent { // a group whose settings are all commented out is absent
		l.add(g.path, l.at(n.line), "must hold settings, each as \"name: value\" on a line below")
		return
	}
	first := map[string]int{}
	for _, e := range n.entries {
		path := join(g.path, e.key)
		if line, again := first[e.key]; again {
			l.add(printable(path), l.at(e.line), "is set twice, first in line %d; keep one", line)
			continue
		}
		first[e.key] = e.line
		switch s := g.settings[e.key]; {
		case s != nil:
			s.source = l.at(e.line)
			l.fromFile(s, e.value)
		case g.groups[e.key] != nil:
			l.mapping(g.groups[e.key], e.value)
		default:
			l.unknownKey(path, e)
		}
	}
}

func (l *loader) fromFile(s *setting, n node) {
	switch {
	case n.kind == absent:
		l.reject(s, `has no value; give it one, "" for an empty text, [] for an empty list, or remove the line`)
	case s.isItems() && n.kind == sequence:
		l.itemsFromFile(s, n)
	case s.isList() && n.kind == sequence:
		items := make([]string, len(n.items))
		for i, item := range n.items {
			if item.kind != scalar {
				l.reject(s, "must be "+s.wants())
				return
			}
			items[i] = item.text
		}
		if !s.setList(items) {
			l.reject(s, "must be "+s.wants())
		}
	case s.isItems() || n.kind != scalar || !s.setText(n.text):
		l.reject(s, "must be "+s.wants())
	}
}

func (l *loader) itemsFromFile(s *setting, n node) {
	list := reflect.MakeSlice(s.value.Type(), len(n.items), len(n.items))
	s.value.Set(list)
	for i, item := range n.items {
		g := newGroup()
		g.path = fmt.Sprintf("%s[%d]", s.path, i)
		g.fields(list.Index(i))
		g.all(func(s *setting) { s.source = l.at(item.line) })
		s.items = append(s.items, g)
		if item.kind != mapping {
			l.add(g.path, l.at(item.line), "must hold settings, each as \"name: value\"")
			g.all(func(s *setting) { s.wrong = true })
			continue
		}
		l.mapping(g, item)
	}
}

func (l *loader) unknownKey(path string, e entry) {
	text := "is not a setting; remove it"
	if strings.Contains(e.key, ".") {
		text = "is not a setting; write each part before a dot as a mapping of its own"
	} else if near := nearest(path, l.root.paths(), "."); near != "" {
		text = "is not a setting; did you mean " + near + "?"
	}
	l.add(printable(path), l.at(e.line), "%s", text)
}

func printable(name string) string {
	if len(name) > 200 {
		name = name[:200] + "..."
	}
	quoted := strconv.Quote(name)
	return quoted[1 : len(quoted)-1]
}
