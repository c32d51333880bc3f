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

func (l *loader) readEnviron(environ []string) {
	values := map[string]string{}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			values[name] = value
		}
	}
	known := slices.Clone(others)
	l.root.all(func(s *setting) {
		if s.env == "" {
			return
		}
		if slices.Contains(known, s.env) {
			panic("config: " + s.env + " is the variable of two settings, one of them " + s.path)
		}
		known = append(known, s.env)
		value, set := values[s.env]
		if !set || value == "" && s.empty == "" {
			return
		}
		s.source, s.wrong = s.env, false
		if !s.setText(value) {
			l.reject(s, "must be "+s.wants())
		}
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
