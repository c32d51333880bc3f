package migrate

import (
	"fmt"
	"strings"
)

// Explain says in a few lines for people what has been found and what Up would do.
func (s Status) Explain() string {
	var out strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	switch {
	case len(s.Adoptable) > 0:
		say("Alembic has brought this database to revision %s. Portico takes it over from there.", s.Alembic)
	case s.Alembic != "":
		say("This database was taken over from Alembic at revision %s.", s.Alembic)
	case len(s.Applied) == 0:
		say("This database has no schema yet.")
	}
	if s.atHead() {
		say("The schema is up to date: %s applied.", steps(len(s.Applied), "is", "are"))
		return out.String()
	}
	if n := len(s.Applied); n > 0 {
		say("%s applied.", steps(n, "is", "are"))
	}
	say("portico migrate up, or portico serve before it listens, does this in one transaction:")
	if n := len(s.Adoptable); n > 0 {
		say("- it records %s as done without running %s, for what %s is there;", steps(n), plural(n, "it", "them"), plural(n, "it makes", "they make"))
	}
	if n := len(s.Pending); n > 0 {
		say("- it runs %s.", steps(n))
	}
	say("Nothing is dropped, and no value that is there is changed.%s Nothing has been done so far.", map[bool]string{true: " " + alembicTable + " stays as it is."}[s.Alembic != ""])
	return out.String()
}

// steps counts steps, with the verb that follows.
func steps(n int, verb ...string) string {
	text := fmt.Sprintf("%d %s", n, plural(n, "step", "steps"))
	if len(verb) == 2 {
		text += " " + plural(n, verb[0], verb[1])
	}
	return text
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
