package scaffold

import (
	"fmt"
	"go/scanner"
	"go/token"
	"regexp"
	"slices"
)

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9]{1,15}$`)

// special are folders and packages that mean something else to Go.
var special = []string{"init", "internal", "main", "testdata", "vendor"}

// check fails when the name cannot be that of a module. importers are the Go files in which it will stand for the package,
// where it must not mean something else.
func (m Module) check(importers map[string]string) error {
	switch {
	case !nameForm.MatchString(m.Name):
		return fmt.Errorf("%q cannot be the name of a module: it must be one word of 2 to 16 lower-case letters and digits, a letter first", m.Name)
	case token.IsKeyword(m.Name) || slices.Contains(special, m.Name):
		return fmt.Errorf("%q cannot be the name of a module: it means something else to Go; choose another", m.Name)
	case m.Taken[m.Name] != "":
		return fmt.Errorf("the name %q is taken by %s; choose another", m.Name, m.Taken[m.Name])
	}
	for file, text := range importers {
		if slices.Contains(identifiers(text), m.Name) {
			return fmt.Errorf("%q cannot be the name of a module: it means something else in %s; choose another", m.Name, file)
		}
	}
	return nil
}

// identifiers are the names in a Go file, that of the template's package aside.
func identifiers(text string) (names []string) {
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile("", -1, len(text)), []byte(text), nil, 0)
	for {
		_, kind, name := s.Scan()
		if kind == token.EOF {
			return names
		}
		if kind == token.IDENT && name != word {
			names = append(names, name)
		}
	}
}
