package migrate

import (
	"fmt"
	"regexp"
	"strings"
)

// Link is one line of the chain: the place of one step among all of them.
type Link struct{ Revision, Module, Slug string }

func (l Link) String() string {
	if l.Slug == "" {
		return l.Revision + " " + l.Module
	}
	return l.Revision + " " + l.Module + " " + l.Slug
}

var (
	revisionForm = regexp.MustCompile(`^[0-9a-f]{12}$`)
	nameForm     = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
)

// ParseChain reads lines of "revision module slug", one space between the words. Empty lines and lines that begin
// with # are skipped. An error names the line.
func ParseChain(text string) ([]Link, error) {
	var chain []Link
	lines := map[string]int{}
	for i, line := range strings.Split(text, "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		link, problem := parseLink(line)
		if first, double := lines[link.Revision]; problem == "" && double {
			problem = fmt.Sprintf("revision %s is on line %d already", link.Revision, first)
		}
		if problem != "" {
			return nil, fmt.Errorf("chain line %d: %s: %q", i+1, problem, line)
		}
		lines[link.Revision] = i + 1
		chain = append(chain, link)
	}
	return chain, nil
}

func parseLink(line string) (link Link, problem string) {
	words := strings.Split(line, " ")
	if len(words) != 3 {
		return link, "wants revision, module and slug, with one space between them"
	}
	link = Link{Revision: words[0], Module: words[1], Slug: words[2]}
	switch {
	case !revisionForm.MatchString(link.Revision):
		return link, "the revision is not twelve hex digits in lower case"
	case !nameForm.MatchString(link.Module):
		return link, "the module is not a lower case name"
	case !nameForm.MatchString(link.Slug):
		return link, "the slug is not words in lower case joined by _"
	}
	return link, ""
}
