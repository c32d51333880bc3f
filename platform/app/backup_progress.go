package app

import (
	"fmt"
	"io"
	"strings"
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
	out      io.Writer
	what     string
	terminal bool
	last     time.Time
	drawn    int // characters of the line on the terminal
}

func newProgress(out io.Writer, what string) *progress {
	return &progress{out: out, what: what, terminal: logging.IsTerminal(out), last: time.Now()}
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
		fmt.Fprintln(p.out, line)
		return
	}
	fmt.Fprintf(p.out, "\r%s%s", line, strings.Repeat(" ", max(0, p.drawn-len(line))))
	p.drawn = len(line)
}

// end clears the line.
func (p *progress) end() {
	if p.drawn > 0 {
		fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", p.drawn))
	}
}
