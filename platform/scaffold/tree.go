package scaffold

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

const (
	gateway     = "portico.internal" // the Go module of this tree
	modulesFile = "modules/modules.go"
	chainFile   = "migrations/chain.txt"
	deedsFile   = "deeds.json" // of the module: what its routes leave in the audit log
)

// FindTree returns the folder of the gateway's sources that dir is in, "" where it is in none.
func FindTree(dir string) string {
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module "+gateway+"\n") {
			return dir
		}
		above := filepath.Dir(dir)
		if above == dir {
			return ""
		}
		dir = above
	}
}

// InTree writes the module into the gateway's sources at root: a folder, and a line each in the list of modules and in the
// chain of migrations. It returns what it has written, as paths below root. When it fails, nothing has changed.
func (m Module) InTree(root string) ([]string, error) {
	dir, step := path.Join("modules", m.Name), newRevision()
	changes := append(m.files(dir, gateway+"/"+dir, step),
		change{path: path.Join(dir, deedsFile), text: m.renamed(path.Join(word, deedsFile), gateway+"/"+dir, step)})
	importers := m.importers(dir)
	if _, err := os.Lstat(filepath.Join(root, filepath.FromSlash(dir))); err == nil {
		m.Taken = map[string]string{m.Name: "the folder " + dir}
	}
	for _, e := range []struct {
		file string
		edit func(text string) (string, error)
	}{{modulesFile, m.list}, {chainFile, m.chain(step)}} {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(e.file)))
		if err != nil {
			return nil, err
		}
		after, err := e.edit(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.file, err)
		}
		changes = append(changes, change{e.file, after, string(text)})
		if e.file == modulesFile {
			importers[e.file] = string(text)
		}
	}
	if err := m.check(importers); err != nil {
		return nil, err
	}
	return write(root, changes)
}

// The lines among which a new one is put, in order.
var (
	importLine = regexp.MustCompile(`(?m)^\t"portico\.internal/modules/[a-z0-9]+"\n`)
	moduleLine = regexp.MustCompile(`(?m)^\t\t[a-z0-9]+\.Module,\n`)
)

func (m Module) list(text string) (string, error) {
	text, err := insert(text, importLine, "\t\""+gateway+"/modules/"+m.Name+"\"\n")
	if err != nil {
		return "", err
	}
	return insert(text, moduleLine, "\t\t"+m.Name+".Module,\n")
}

func (m Module) chain(step string) func(string) (string, error) {
	return func(text string) (string, error) {
		return text + fmt.Sprintf("%s %s create_%s_items\n", step, m.Name, m.Name), nil
	}
}

// block finds the first lines of the form that follow each other, as [regexp.Regexp.FindAllStringSubmatchIndex] does.
func block(text string, form *regexp.Regexp) [][]int {
	rows := form.FindAllStringSubmatchIndex(text, -1)
	for i := 1; i < len(rows); i++ {
		if rows[i][0] != rows[i-1][1] {
			return rows[:i]
		}
	}
	return rows
}

// insert puts a line into the block of the form, where it belongs by the alphabet.
func insert(text string, form *regexp.Regexp, line string) (string, error) {
	rows := block(text, form)
	if len(rows) == 0 {
		return "", fmt.Errorf("there is no place for the line %q", strings.TrimSpace(line))
	}
	at := rows[0][0]
	for _, row := range rows {
		if text[row[0]:row[1]] > line {
			break
		}
		at = row[1]
	}
	return text[:at] + line + text[at:], nil
}
