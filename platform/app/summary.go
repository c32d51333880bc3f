package app

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"portico.internal/platform/database"
	"portico.internal/platform/logging"
	"portico.internal/platform/module"
)

// summarize tells a person at a terminal in a few lines what has started. Programs read the log.
func (g *gateway) summarize(ctx context.Context, w io.Writer, d *doors, more []module.Fact) {
	if !logging.IsTerminal(w) {
		return
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(table, "  %s\t%s\n", label, text)
		}
	}
	line("API", "http://"+d.public.Addr().String()+"/docs")
	line("inside", address(d.internal)+", for feature services and metrics")
	line("database", database.Describe(g.base.Database.URL, g.base.DataDir))
	line("services", g.described())
	slices.SortFunc(more, func(a, b module.Fact) int { return cmp.Compare(a.Label, b.Label) })
	for _, l := range more {
		if text, err := l.Say(ctx); err == nil {
			line(l.Label, text)
		}
	}
	_ = table.Flush()
}

// described lists the feature services.
func (g *gateway) described() string {
	var all []string
	for _, s := range g.services.Services() {
		where := s.URL
		if slices.Contains(g.own, s.ID) {
			where = "in this process"
		}
		all = append(all, s.ID+" ("+where+")")
	}
	return strings.Join(all, ", ")
}
