package config

import (
	"encoding"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"time"
)

// setting is one field of a section.
type setting struct {
	path, env, doc, example string
	byDefault               string
	empty                   string // what an empty value means, where it means something
	secret                  bool
	rules                   rules
	value                   reflect.Value
	owner                   reflect.Type
	source                  string   // see [Problem]
	items                   []*group // of a slice of structs, as many as the file has
	wrong                   bool     // already reported
}

// group is a mapping of the file: the settings and groups in it by YAML name.
type group struct {
	path     string
	names    []string // in the order of declaration
	settings map[string]*setting
	groups   map[string]*group
}

func newGroup() *group {
	return &group{settings: map[string]*setting{}, groups: map[string]*group{}}
}

// below returns the group of that name in g, made where it is not there yet.
func (g *group) below(name string) *group {
	if g.settings[name] != nil {
		panic(fmt.Sprintf("config: %s is a setting and cannot hold others", join(g.path, name)))
	}
	next, ok := g.groups[name]
	if !ok {
		next = newGroup()
		next.path = join(g.path, name)
		g.groups[name] = next
		g.names = append(g.names, name)
	}
	return next
}

// all calls f for each setting in g, in the order of declaration, those of list items included.
func (g *group) all(f func(*setting)) {
	for _, name := range g.names {
		if s := g.settings[name]; s != nil {
			f(s)
			for _, item := range s.items {
				item.all(f)
			}
			continue
		}
		g.groups[name].all(f)
	}
}

// paths returns the names of all settings and groups in g.
func (g *group) paths() []string {
	var paths []string
	for _, name := range g.names {
		paths = append(paths, join(g.path, name))
		if below := g.groups[name]; below != nil {
			paths = append(paths, below.paths()...)
			continue
		}
		for _, item := range g.settings[name].items {
			paths = append(paths, item.paths()...)
		}
	}
	return paths
}

// declare adds the fields of the section's struct to the tree and sets them to their defaults.
func (g *group) declare(section Section) {
	target := reflect.ValueOf(section.Target)
	if target.Kind() != reflect.Pointer || target.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("config: the target of section %q is a %T, not a pointer to a struct", section.Key, section.Target))
	}
	if section.Key != "" {
		for name := range strings.SplitSeq(section.Key, ".") {
			g = g.below(name)
		}
	}
	g.fields(target.Elem())
}

func (g *group) fields(target reflect.Value) {
	owner := target.Type()
	for i := range owner.NumField() {
		field := owner.Field(i)
		name := field.Tag.Get("yaml")
		switch {
		case !field.IsExported() || name == "-":
			continue
		case name == "":
			panic(fmt.Sprintf("config: %v.%s has no yaml tag", owner, field.Name))
		case isGroup(field.Type):
			g.below(name).fields(target.Field(i))
			continue
		}
		if before := g.settings[name]; before != nil {
			panic(fmt.Sprintf("config: %v and %v both declare %s", before.owner, owner, before.path))
		}
		if g.groups[name] != nil {
			panic(fmt.Sprintf("config: %s is a group and cannot be a setting of %v", join(g.path, name), owner))
		}
		s := newSetting(join(g.path, name), owner, field, target.Field(i))
		g.settings[name] = s
		g.names = append(g.names, name)
	}
}

func newSetting(path string, owner reflect.Type, field reflect.StructField, value reflect.Value) *setting {
	tag := field.Tag
	s := &setting{
		path: path, owner: owner, value: value,
		env: tag.Get("env"), source: tag.Get("env"), byDefault: tag.Get("default"), empty: tag.Get("empty"),
		secret: tag.Get("secret") == "true", doc: tag.Get("doc"), example: tag.Get("example"),
		rules: parseRules(tag.Get("validate")),
	}
	if s.isItems() && s.env != "" {
		panic(fmt.Sprintf("config: %s is a list of structs, which a variable cannot hold", path))
	}
	if _, ok := typeWords(elem(field.Type)); !ok && !s.isItems() {
		panic(fmt.Sprintf("config: %s is of type %v, which no setting can be", path, field.Type))
	}
	s.wants() // panics on rules it has no words for
	value.SetZero()
	if s.byDefault != "" && !s.setText(s.byDefault) {
		panic(fmt.Sprintf("config: the default of %s does not fit %v", path, field.Type))
	}
	return s
}

// variables are the names under which the environment may hold the setting.
func (s *setting) variables() []string {
	switch {
	case s.env == "":
		return nil
	case s.secret:
		return []string{s.env, s.env + byFile}
	}
	return []string{s.env}
}

// isItems tells whether the setting is a list of structs.
func (s *setting) isItems() bool {
	return s.value.Kind() == reflect.Slice && isGroup(s.value.Type().Elem())
}

// isList tells whether the setting is a list of plain values.
func (s *setting) isList() bool {
	return s.value.Kind() == reflect.Slice && !s.isItems() && !isText(s.value.Type())
}

var (
	durationType = reflect.TypeFor[time.Duration]()
	prefixType   = reflect.TypeFor[netip.Prefix]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func isText(t reflect.Type) bool  { return reflect.PointerTo(t).Implements(textType) }
func isGroup(t reflect.Type) bool { return t.Kind() == reflect.Struct && !isText(t) }

// elem is what one value of the type is: of a list, an item.
func elem(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Slice && !isText(t) {
		return t.Elem()
	}
	return t
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
