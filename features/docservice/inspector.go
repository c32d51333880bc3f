package docservice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

const (
	inspectTimeout = 60 * time.Second
	// inspectSlots is how many readings may be under way in this process, those included that time has run out for.
	inspectSlots = 2
	// textTimeout is how much longer the text may take than the facts.
	textTimeout = 10 * time.Second
	maxFinding  = 256 << 10 // bytes that the reading process may answer
)

// inspector reads what uploads tell of themselves. Uploads are hostile until proven otherwise: with a command each is
// read in a process of its own that knows no secret, has bounded memory and is killed when its time is up. Without
// one it is read in this process, where a crafted file can take memory and, for as long as its reading lasts, a slot;
// its text, which would need no less of both, is left alone then.
type inspector struct {
	command     []string
	timeout     time.Duration
	textTimeout time.Duration
	slots       chan struct{}
}

func newInspector(command []string) *inspector {
	return &inspector{command: command, timeout: inspectTimeout, textTimeout: textTimeout, slots: make(chan struct{}, inspectSlots)}
}

// inspect returns the facts of the file, an [unreadable], or another error when reading it should be tried again.
func (i *inspector) inspect(ctx context.Context, file *os.File) (facts, error) {
	info, err := file.Stat()
	if err != nil {
		return facts{}, err
	}
	bounded, cancel := context.WithTimeout(ctx, i.timeout)
	defer cancel()
	read := i.here
	if len(i.command) > 0 {
		read = i.apart
	}
	found, err := read(bounded, file, info.Size())
	if errors.Is(bounded.Err(), context.DeadlineExceeded) && ctx.Err() == nil && err != nil {
		return facts{}, isTooHard
	}
	return found, err
}

// here reads the file in this process. When time runs out it returns, and leaves the reading, which no one can stop,
// to end by itself; until then it holds its slot.
func (i *inspector) here(ctx context.Context, file *os.File, size int64) (facts, error) {
	select {
	case i.slots <- struct{}{}:
	case <-ctx.Done():
		return facts{}, ctx.Err()
	}
	type outcome struct {
		facts facts
		err   error
	}
	done := make(chan outcome, 1)
	content := io.NewSectionReader(file, 0, size)
	go func() {
		defer func() { <-i.slots }()
		found, err := readPDF(ctx, content, size)
		done <- outcome{found, err}
	}()
	select {
	case o := <-done:
		return o.facts, o.err
	case <-ctx.Done():
		return facts{}, ctx.Err()
	}
}

// finding is what the reading process writes to its standard output, twice: first without the text, of which it may
// die, then the text alone.
type finding struct {
	Pages   int    `json:"pages,omitempty"`
	Title   string `json:"title,omitempty"`
	Problem string `json:"problem,omitempty"`
	Text    string `json:"text,omitempty"`
}

// apart reads the file in a process of its own, which gets the open file and an empty environment.
func (i *inspector) apart(ctx context.Context, file *os.File, _ int64) (facts, error) {
	running, end := context.WithCancel(ctx)
	defer end()
	cmd := exec.CommandContext(running, i.command[0], i.command[1:]...)
	cmd.Stdin, cmd.Env, cmd.Dir = file, []string{}, "/" // which there is in a container, too, that has nothing else
	cmd.WaitDelay = time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return facts{}, err
	}
	if err := cmd.Start(); err != nil {
		return facts{}, err
	}
	var found finding
	answers := json.NewDecoder(io.LimitReader(out, maxFinding))
	decodeErr := answers.Decode(&found)
	known := decodeErr == nil && found.Problem == ""
	if known {
		patience := time.AfterFunc(i.textTimeout, end)
		_ = answers.Decode(&found) // without its text a document is as good
		patience.Stop()
		end() // there is nothing more to be had from it
	}
	err = cmd.Wait()
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return facts{}, ctx.Err()
	case known:
		return facts{Pages: found.Pages, Title: found.Title, Text: excerptOf(found.Text)}, nil
	case ctx.Err() != nil:
		return facts{}, ctx.Err()
	case err != nil: // it died of the content: out of memory, out of stack
		return facts{}, fmt.Errorf("%w (%w)", isTooHard, err)
	case decodeErr != nil:
		return facts{}, fmt.Errorf("answer of %s: %w", i.command[0], decodeErr)
	}
	return facts{}, unreadable(found.Problem)
}

// InspectStdin reads the PDF that is the standard input and writes what it tells of itself to the standard output,
// as the process named by [Config.Inspector] does. It returns the exit code of the process.
func InspectStdin() int {
	info, err := os.Stdin.Stat()
	if err == nil {
		err = limitMemory(uint64(512<<20 + 4*info.Size()))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "inspect:", err)
		return 1
	}
	content := io.NewSectionReader(os.Stdin, 0, info.Size())
	found, err := readPDF(context.Background(), content, info.Size())
	answer := finding{Pages: found.Pages, Title: truncate(found.Title, maxTitle)}
	var problem unreadable
	switch {
	case errors.As(err, &problem):
		answer.Problem = string(problem)
	case err != nil:
		fmt.Fprintln(os.Stderr, "inspect:", err)
		return 1
	}
	answers := json.NewEncoder(os.Stdout)
	if err := answers.Encode(answer); err != nil {
		return 1
	}
	if answer.Problem == "" {
		if err := answers.Encode(finding{Text: readText(content, info.Size())}); err != nil {
			return 1
		}
	}
	return 0
}
