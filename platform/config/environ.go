package config

import (
	"slices"
	"strings"
)

const (
	prefix       = "PORTICO_"
	pathVariable = "PORTICO_CONFIG"
)

// others are variables with our prefix that are no settings: where the file is, and which databases the tests use.
var others = []string{pathVariable, "PORTICO_TEST_DATABASE_URL", "PORTICO_TEST_POSTGRES"}

func variables(environ []string) map[string]string {
	values := map[string]string{}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			values[name] = value
		}
	}
	return values
}

func (l *loader) readEnviron(environ []string) {
	values := variables(environ)
	known := slices.Clone(others)
	l.root.all(func(s *setting) {
		for _, name := range s.variables() {
			if slices.Contains(known, name) {
				panic("config: " + name + " is the variable of two settings, one of them " + s.path)
			}
			known = append(known, name)
		}
		l.fromVariables(s, values)
	})
	for name := range values {
		if !strings.HasPrefix(name, prefix) || slices.Contains(known, name) {
			continue
		}
		text := "is not a setting; remove it"
		if near := nearest(name, known, "_"); near != "" {
			text = "is not a setting; did you mean " + near + "?"
		}
		l.add(printable(name), "environment", "%s", text)
	}
}

func (l *loader) fromVariables(s *setting, values map[string]string) {
	if s.env == "" {
		return
	}
	value, set := values[s.env]
	source, err := s.env, error(nil)
	if s.secret {
		value, source, err = secretOf(values, s.env)
	}
	if err == nil && value == "" && (!set || s.empty == "") {
		return
	}
	s.source, s.wrong = source, false
	switch {
	case err != nil:
		l.reject(s, err.Error())
	case !s.setText(value):
		l.reject(s, "must be "+s.wants())
	}
}
