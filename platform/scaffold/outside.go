package scaffold

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Source says where a gateway outside of this tree has the gateway's packages from.
type Source struct {
	Tree    string // the folder of its sources; empty: none
	Version string // else
}

var pathForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$`)

// Outside writes a gateway of its own with the module into dir, as the Go module of that path: main.go, which differs
// from cmd/portico by an import and an entry of the list, the module's folder, and what keeps the data out of git. It returns what it has written, as paths
// below dir, which must be empty or missing. When it fails, nothing has changed.
func (m Module) Outside(dir, path string, from Source) ([]string, error) {
	importers := m.importers(m.Name)
	importers["main.go"] = original(mainFile)
	if err := m.check(importers); err != nil {
		return nil, err
	}
	if !pathForm.MatchString(path) || path == gateway || strings.HasPrefix(path, gateway+"/") {
		return nil, fmt.Errorf("%q cannot be the path of a Go module of yours; give one such as example.com/team/%s", path, m.Name)
	}
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty; choose another folder", dir)
	} else if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	own, err := from.goModule(path)
	if err != nil {
		return nil, err
	}
	step := newRevision()
	own = append(own,
		change{path: ".gitignore", text: "/data/\n"}, // holds the keys once the gateway has run
		change{path: "main.go", text: m.renamed(mainFile, path+"/"+m.Name, step)})
	return write(dir, append(own, m.files(m.Name, path+"/"+m.Name, step)...))
}

// goModule is go.mod, and go.sum where it is known. With the sources at hand they hold what the gateway's own do, so that
// nothing has to be looked for.
func (s Source) goModule(path string) ([]change, error) {
	head := "module " + path + "\n\ngo " + goVersion + "\n\nrequire " + gateway + " "
	if s.Tree == "" {
		return []change{{path: "go.mod", text: head + s.Version + "\n"}}, nil
	}
	tree, err := filepath.Abs(s.Tree)
	if err != nil {
		return nil, err
	}
	required, err := os.ReadFile(filepath.Join(tree, "go.mod"))
	if err != nil {
		return nil, err
	}
	sums, err := os.ReadFile(filepath.Join(tree, "go.sum"))
	if err != nil {
		return nil, err
	}
	_, rest, found := strings.Cut(string(required), "\nrequire (")
	if !found {
		return nil, fmt.Errorf("%s requires nothing", filepath.Join(tree, "go.mod"))
	}
	replaced := "v0.0.0\n\nreplace " + gateway + " => " + strconv.Quote(tree) + "\n\nrequire ("
	return []change{{path: "go.mod", text: head + replaced + rest}, {path: "go.sum", text: string(sums)}}, nil
}
