package storage

import (
	"fmt"
	"io"
	"strings"
	"time"

	"portico.internal/platform/logging"
	"portico.internal/platform/module"
)

const (
	barWidth   = 24
	rateWindow = 10 * time.Second // over which the speed is measured
	plainEvery = 5 * time.Second  // between two lines where nobody watches
)

// progress shows how a job goes on: one line that is drawn again and again on a terminal, else a line now and then.
type progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time

	samples []sample // of the present state, the oldest first
	state   string
	drawn   int // characters of the line on the terminal
	printed time.Time
}

type sample struct {
	at          time.Time
	done, bytes int64
}

func newProgress(out io.Writer) *progress {
	return &progress{out: out, terminal: logging.IsTerminal(out), now: time.Now}
}

// show is called again and again with what is known.
func (p *progress) show(s Status) {
	now := p.now()
	fresh := s.State != p.state
	if fresh {
		p.state, p.samples = s.State, nil
	}
	p.samples = append(p.samples, sample{now, s.Done, s.BytesDone})
	for len(p.samples) > 2 && now.Sub(p.samples[1].at) >= rateWindow {
		p.samples = p.samples[1:]
	}
	line := p.line(s)
	switch {
	case p.terminal:
		fmt.Fprintf(p.out, "\r%s%s", line, strings.Repeat(" ", max(0, p.drawn-len([]rune(line)))))
		p.drawn = len([]rune(line))
	case fresh || now.Sub(p.printed) >= plainEvery:
		fmt.Fprintln(p.out, line)
		p.printed = now
	}
}

// end leaves the line as it is and goes on below it.
func (p *progress) end() {
	if p.terminal && p.drawn > 0 {
		fmt.Fprintln(p.out)
	}
	p.drawn = 0
}

func (p *progress) line(s Status) string {
	parts := []string{fmt.Sprintf("%-10s", s.State)}
	if p.terminal {
		full := int(part(s) * barWidth)
		parts = append(parts, "["+strings.Repeat("=", full)+strings.Repeat(" ", barWidth-full)+"]")
	}
	parts = append(parts,
		fmt.Sprintf("%3.0f %%", 100*part(s)),
		fmt.Sprintf("%d/%d objects", s.Done, s.Total),
		module.Amount(s.BytesDone)+" of "+module.Amount(s.BytesTotal))
	if s.Failed > 0 {
		parts = append(parts, fmt.Sprintf("%d failed", s.Failed))
	}
	if objects, bytes := p.rate(); objects > 0 || bytes > 0 {
		parts = append(parts, module.Amount(int64(bytes))+"/s")
		if left := remaining(s, objects, bytes); left > 0 {
			parts = append(parts, left.Round(time.Second).String()+" left")
		}
	}
	return strings.Join(parts, "  ")
}

// part is how much is done, 0..1: objects and bytes both cost time.
func part(s Status) float64 {
	if s.Total == 0 {
		return 0
	}
	of := float64(s.Done) / float64(s.Total)
	if s.BytesTotal > 0 {
		of = (of + float64(s.BytesDone)/float64(s.BytesTotal)) / 2
	}
	return min(1, of)
}

// rate is objects and bytes a second, lately.
func (p *progress) rate() (objects, bytes float64) {
	first, last := p.samples[0], p.samples[len(p.samples)-1]
	seconds := last.at.Sub(first.at).Seconds()
	if seconds < 1 {
		return 0, 0
	}
	return max(0, float64(last.done-first.done)/seconds), max(0, float64(last.bytes-first.bytes)/seconds)
}

// remaining is the longer one of what the objects and what the bytes will take.
func remaining(s Status, objects, bytes float64) time.Duration {
	var seconds float64
	if objects > 0 {
		seconds = float64(s.Total-s.Done) / objects
	}
	if bytes > 0 {
		seconds = max(seconds, float64(s.BytesTotal-s.BytesDone)/bytes)
	}
	return time.Duration(seconds * float64(time.Second))
}
