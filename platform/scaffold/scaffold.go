// Package scaffold writes the beginning of a module: a table, two routes and a setting, with their tests. What it writes
// is the package notes beside it, a module that is compiled and tested as all others are, under another name.
package scaffold

import (
	"crypto/rand"
	"embed"
	"encoding/hex"
	"path"
	"slices"
	"strings"
)

//go:embed notes/*.go notes/deeds.json main.go.txt
var template embed.FS

const (
	word     = "notes"
	folder   = "portico.internal/platform/scaffold/notes" // as it is imported
	revision = "000000000000"
	mainFile = "main.go.txt"

	goVersion = "1.26.0" // of a Go module that is made
)

// Module is one to be written.
type Module struct {
	Name  string
	Taken map[string]string // names that cannot be used, with who has them
}

// original is a file of the template as it is.
func original(file string) string {
	text, err := template.ReadFile(file)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(text)
}

// renamed is a file of the template as one of the module, which is imported by that path.
func (m Module) renamed(file, importPath, step string) string {
	return strings.NewReplacer(folder, importPath, word, m.Name, revision, step).Replace(original(file))
}

// files are those of Go in the module's own folder.
func (m Module) files(dir, importPath, step string) (list []change) {
	entries, err := template.ReadDir(word)
	if err != nil {
		panic(err) // it is embedded
	}
	for _, e := range entries {
		if path.Ext(e.Name()) != ".go" {
			continue
		}
		name := strings.Replace(e.Name(), word, m.Name, 1)
		list = append(list, change{path: path.Join(dir, name), text: m.renamed(path.Join(word, e.Name()), importPath, step)})
	}
	slices.SortFunc(list, func(a, b change) int { return strings.Compare(a.path, b.path) })
	return list
}

// importers are the files of the template, by the names they will have, that import the module.
func (m Module) importers(dir string) map[string]string {
	return map[string]string{path.Join(dir, m.Name+"_test.go"): original(path.Join(word, word+"_test.go"))}
}

// newRevision names a step as no other is named.
func newRevision() string {
	id := make([]byte, len(revision)/2)
	_, _ = rand.Read(id) // never fails
	return hex.EncodeToString(id)
}
