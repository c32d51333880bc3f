package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// child is a server process of ours. It ends when its standard input does, so it never outlives us.
type child struct {
	cmd  *exec.Cmd
	in   io.Closer
	addr string
}

func self(args ...string) (*exec.Cmd, error) {
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// server starts this binary in the role of a server, which says its address in its first line.
func (b *bench) server(args ...string) (*child, error) {
	cmd, err := self(args...)
	if err != nil {
		return nil, err
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, in: in}
	line, err := b.start(c)
	c.addr = strings.TrimSpace(line)
	return c, err
}

// start starts the child and returns the first line it prints.
func (b *bench) start(c *child) (string, error) {
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := c.cmd.Start(); err != nil {
		return "", err
	}
	b.children = append(b.children, c)
	lines := bufio.NewReader(out)
	first := make(chan string, 1)
	go func() {
		line, _ := lines.ReadString('\n')
		first <- line
		_, _ = io.Copy(io.Discard, lines)
	}()
	select {
	case line := <-first:
		if line == "" {
			return "", errors.New("it ended at once")
		}
		return line, nil
	case <-time.After(time.Minute):
		return "", errors.New("it does not begin to listen")
	case <-b.ctx.Done():
		return "", b.ctx.Err()
	}
}

func (c *child) stop() {
	if c.in != nil {
		_ = c.in.Close()
	} else {
		_ = c.cmd.Process.Signal(os.Interrupt)
	}
	killer := time.AfterFunc(10*time.Second, func() { _ = c.cmd.Process.Kill() })
	defer killer.Stop()
	_ = c.cmd.Wait()
}

// listenUntilInputEnds is the frame of a server role.
func listenUntilInputEnds() (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	fmt.Println(l.Addr())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return l, nil
}

// cpu is the processor time that the process has used so far, in user and kernel mode.
func (c *child) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), ") ") // the name before may hold blanks
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, errors.New("unknown form of /proc/PID/stat")
	}
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	const tick = 10 * time.Millisecond // USER_HZ, 100 on every Linux that Go runs on
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// resident is the memory that the process holds now and at most held, in bytes.
func (c *child) resident() (now, peak int64, err error) {
	kinds, err := c.memory()
	return kinds["VmRSS"], kinds["VmHWM"], err
}

// memory is what the system counts as the memory of the process, by the names of proc_pid_status(5), in bytes.
func (c *child) memory() (map[string]int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return nil, err
	}
	kinds := map[string]int64{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[2] == "kB" {
			n, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return nil, err
			}
			kinds[strings.TrimSuffix(fields[0], ":")] = n << 10
		}
	}
	return kinds, nil
}

// call runs this binary in a role that prints one JSON value and ends.
func call[T any](b *bench, args ...string) (T, error) {
	var value T
	cmd, err := self(args...)
	if err != nil {
		return value, err
	}
	timer := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	out, err := cmd.Output()
	if err != nil {
		return value, fmt.Errorf("%s: %w", args[0], err)
	}
	if b.ctx.Err() != nil {
		return value, b.ctx.Err()
	}
	return value, json.Unmarshal(out, &value)
}
