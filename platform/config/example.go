package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Example returns a configuration file that documents every setting: what it is for, its variable, its bounds, and its
// default on a line that is commented out. Used as it is, the file changes nothing. Targets are set to their defaults.
// A setting without a doc tag is a programming error and panics.
func Example(sections ...Section) string {
	root := newGroup()
	for _, section := range sections {
		root.declare(section)
	}
	var out strings.Builder
	out.WriteString(exampleHead)
	root.example(&out, "")
	return out.String()
}

const exampleHead = `# Portico's settings. Each line that is commented out shows its default; remove the # to change it.
# The file's path is given by --config or PORTICO_CONFIG. A variable of the environment, where a setting has one, wins.
`

func (g *group) example(out *strings.Builder, indent string) {
	for _, name := range g.names {
		out.WriteString("\n")
		if below := g.groups[name]; below != nil {
			fmt.Fprintf(out, "%s%s:", indent, name)
			below.example(out, indent+"  ")
			continue
		}
		g.settings[name].document(out, indent+"# ")
		fmt.Fprintf(out, "%s#%s:", indent, name)
		g.settings[name].exampleValue(out, indent)
	}
}

// document writes what the setting is for, where else it is set, and what it takes.
func (s *setting) document(out *strings.Builder, lead string) {
	if s.doc == "" {
		panic(fmt.Sprintf("config: %s of %v has no doc tag", s.path, s.owner))
	}
	fmt.Fprintf(out, "%s%s\n", lead, s.doc)
	var facts []string
	switch {
	case s.env != "" && s.secret:
		facts = append(facts, s.env+", or "+s.env+byFile+" with the path of a file that holds it")
	case s.env != "":
		facts = append(facts, s.env)
	}
	wants := strings.TrimPrefix(s.wants(), "text of ")
	if s.empty != "" {
		wants = strings.TrimSuffix(wants, orEmpty) + "; empty " + s.empty
	}
	if wants != "text" && !s.isItems() {
		facts = append(facts, wants)
	}
	if s.example != "" && s.value.Kind() == reflect.Slice {
		facts = append(facts, "for example "+s.example)
	}
	if len(facts) > 0 {
		fmt.Fprintf(out, "%s%s.\n", lead, strings.TrimSuffix(strings.Join(facts, "; "), ","))
	}
}

func (s *setting) exampleValue(out *strings.Builder, indent string) {
	if !s.isItems() {
		fmt.Fprintf(out, " %s\n", s.defaultText())
		return
	}
	out.WriteString("\n")
	item := newGroup()
	item.fields(reflect.New(s.value.Type().Elem()).Elem())
	lead := indent + "#  - "
	for _, name := range item.names {
		field := item.settings[name]
		value := field.defaultText()
		if field.example != "" {
			value = plain(field.example)
		}
		field.document(out, indent+"#    # ")
		fmt.Fprintf(out, "%s%s: %s\n", lead, name, value)
		lead = indent + "#    "
	}
}

// defaultText is the default as YAML.
func (s *setting) defaultText() string {
	switch {
	case s.value.Kind() == reflect.Slice:
		return "[" + s.byDefault + "]"
	case s.secret:
		return `""`
	case s.byDefault == "" && s.value.Kind() != reflect.String:
		return fmt.Sprint(s.value.Interface())
	}
	return plain(s.byDefault)
}

var plainText = regexp.MustCompile(`^[A-Za-z0-9./][A-Za-z0-9./:_-]*$`)

// plain writes text as YAML, quoted where it must be.
func plain(text string) string {
	if plainText.MatchString(text) && !strings.HasSuffix(text, ":") {
		return text
	}
	return fmt.Sprintf("%q", text)
}
