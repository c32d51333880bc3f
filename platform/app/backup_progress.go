package app

import (
	"fmt"
	"io"
	"time"

	"portico.internal/platform/logging"
	"portico.internal/platform/module"
)

// How often somebody is told.
const (
	drawEvery  = 200 * time.Millisecond
	plainEvery = 30 * time.Second // where nobody watches
)

// progress tells how many files have been done: one line that is drawn again and again on a terminal, else one now and then.
type progress struct {
	out      module.Line
	what     string
	terminal bool
	last     time.Time
}

func newProgress(out io.Writer, what string) *progress {
	return &progress{out: module.Line{Writer: out}, what: what, terminal: logging.IsTerminal(out), last: time.Now()}
}

// count is called again and again.
func (p *progress) count(files int, bytes int64) {
	every := plainEvery
	if p.terminal {
		every = drawEvery
	}
	if time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	line := fmt.Sprintf("%s %d files, %s", p.what, files, module.Amount(bytes))
	if !p.terminal {
		fmt.Fprintln(&p.out, line)
		return
	}
	p.out.Draw(line)
}

// end clears the line.
func (p *progress) end() { p.out.Clear() }
