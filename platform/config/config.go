// Package config turns a YAML file and the environment into typed settings, and says everything that is wrong at once.
//
// Each setting belongs to whoever uses it: an owner declares a struct and a place for it, and Load fills it. The tags of
// a field are all there is to know about a setting:
//
//	Minutes int `yaml:"expire_minutes" env:"EXPIRE_MINUTES" default:"480" validate:"min=1,max=480" doc:"How long a token lasts."`
//
// Fields are string, int, bool, time.Duration, a type with UnmarshalText, netip.Prefix, a slice of these, a struct, or a
// slice of structs (in the file only). Further tags: secret:"true" keeps the default out of the example and
// lets NAME_FILE name a file with the value of the variable NAME; empty:"..." says what an empty value means where it is
// one of its own. Validate takes the rules of go-playground/validator and hostport.
// An owner's struct may add rules that concern several fields: see [Checker].
package config

import (
	"fmt"
	"slices"
	"strings"
)

// Section is the settings of one owner. Key is its place in the file, such as "auth", "" for the top level;
// Target is a pointer to the struct that Load fills.
type Section struct {
	Key    string
	Target any
}

// Checker is implemented by the struct of a section that has rules beyond those of single fields. Check sees fields that
// have the right type; what it says of a setting that is wrong by itself is dropped. The Setting of its problems is the
// YAML name below the section; the source is filled in.
type Checker interface{ Check() []Problem }

// Problem is one thing that is wrong with the settings. It never holds a value: any value may be a secret in the wrong place.
type Problem struct {
	Setting string // its full YAML name; empty when it concerns the whole file
	Source  string // where the value came from, or could be set: a variable, or a file and line
	Text    string // what is wrong, and the remedy
}

// String is one line that names the setting.
func (p Problem) String() string {
	switch {
	case p.Setting == "":
		return p.Source + ": " + p.Text
	case p.Source == "":
		return p.Setting + ": " + p.Text
	}
	return p.Setting + " (" + p.Source + "): " + p.Text
}

// Problems is everything that is wrong, sorted by setting.
type Problems []Problem

var _ error = Problems(nil)

// Error is one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// Load fills the sections from their defaults, the file, and the environment, which wins. File is a path, "" for none;
// environ has the form of os.Environ.
//
// A variable that is set to nothing counts as not set, except where the field's empty tag gives the empty value a
// meaning. Unknown keys in the file and unknown variables beginning with PORTICO_ are errors. The error is [Problems];
// with one, the sections' content means nothing. A struct that cannot be a section is a programming error and panics.
func Load(file string, environ []string, sections ...Section) error {
	l := &loader{root: newGroup()}
	for _, section := range sections {
		l.root.declare(section)
	}
	l.readFile(file)
	l.readEnviron(environ)
	l.check(sections)
	if len(l.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(l.problems, func(a, b Problem) int {
		return strings.Compare(a.Setting+"\x00"+a.Source, b.Setting+"\x00"+b.Source)
	})
	return l.problems
}

// loader collects what one call of Load finds.
type loader struct {
	root     *group
	file     string // its name, for messages
	problems Problems
}

func (l *loader) add(setting, source, format string, args ...any) {
	l.problems = append(l.problems, Problem{Setting: setting, Source: source, Text: fmt.Sprintf(format, args...)})
}

// reject reports what is wrong with a setting.
func (l *loader) reject(s *setting, text string) {
	s.wrong = true
	l.add(s.path, s.source, "%s", text)
}

// check holds the settings against their own rules, then the sections against theirs.
func (l *loader) check(sections []Section) {
	byPath := map[string]*setting{}
	l.root.all(func(s *setting) {
		byPath[s.path] = s
		if !s.wrong && !s.holds() {
			l.reject(s, "must be "+s.wants())
		}
	})
	for _, section := range sections {
		checker, ok := section.Target.(Checker)
		if !ok {
			continue
		}
		for _, problem := range checker.Check() {
			problem.Setting = join(section.Key, problem.Setting)
			if s := byPath[problem.Setting]; s != nil {
				if s.wrong {
					continue
				}
				problem.Source = s.source
			}
			l.problems = append(l.problems, problem)
		}
	}
}
