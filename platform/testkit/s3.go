package testkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// S3 is a bucket of an S3 server on loopback, empty at first and gone when the test ends.
type S3 struct {
	Endpoint                     string // http://127.0.0.1:port
	Region                       string
	Bucket                       string
	AccessKeyID, SecretAccessKey string
	Dir                          string // where the server keeps the objects of the bucket, as files
}

const (
	s3Variable = "PORTICO_TEST_S3"

	s3Region = "eu-central-1"
	s3Key    = "PORTICOTESTKEYID"
	s3Secret = "portico-test-secret-of-no-worth"
)

var errNoS3 = errors.New("SKIPPED: no S3 server: versitygw cannot be built from tools/versitygw")

// NewS3 makes a bucket on the S3 server of this test process (versitygw), which is built on first use and gone with the
// process, however it ends. Where it cannot be built the test is skipped, and fails where PORTICO_TEST_S3 is "required"; where
// that is "off" it is skipped in any case.
func NewS3(t testing.TB) S3 {
	t.Helper()
	if os.Getenv(s3Variable) == "off" {
		t.Skip("SKIPPED: " + s3Variable + " is off")
	}
	server, err := s3Server()
	if errors.Is(err, errNoS3) && os.Getenv(s3Variable) != "required" {
		t.Skip(err)
	}
	require.NoError(t, err)
	s := S3{Endpoint: server.url, Region: s3Region, AccessKeyID: s3Key, SecretAccessKey: s3Secret}
	s.Bucket = strings.ReplaceAll(databaseName(), "_", "-")
	s.Dir = filepath.Join(server.dir, "data", s.Bucket)
	require.NoError(t, os.Mkdir(s.Dir, 0o700)) // a folder is a bucket
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(s.Dir)) })
	return s
}

// Config is the bucket as storage is told of it, with the prefix.
func (s S3) Config(prefix string) map[string]any {
	return map[string]any{
		"bucket": s.Bucket, "region": s.Region, "endpoint": s.Endpoint, "prefix": prefix,
		"access_key_id": s.AccessKeyID, "secret_access_key": s.SecretAccessKey,
	}
}

type s3Process struct {
	url, dir string
	lifeline any // held open until the process ends; an unreferenced one would be closed by the garbage collector
}

var s3Server = sync.OnceValues(func() (s3Process, error) {
	program, err := versitygw()
	if err != nil {
		err = fmt.Errorf("%w: %w", errNoS3, err)
		fmt.Fprintln(os.Stderr, err)
		return s3Process{}, err
	}
	for try := 1; ; try++ {
		server, err := startS3(program)
		if err == nil || try == 5 { // the port that was free may be taken by then
			return server, err
		}
	}
})

// versitygw builds the server, which the go command keeps in its cache, and returns its path.
func versitygw() (string, error) {
	_, file, _, _ := runtime.Caller(0)
	build := exec.Command("go", "tool", "-n", "versitygw")
	build.Dir = filepath.Join(filepath.Dir(file), "../../tools/versitygw")
	var problems bytes.Buffer
	build.Stderr = &problems
	path, err := build.Output()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, problems.String())
	}
	return strings.TrimSpace(string(path)), nil
}

// s3Watchdog keeps the server for as long as the test process holds the other end of its standard input.
const s3Watchdog = `
"$0" "$@" >log 2>&1 </dev/null &
server=$!
cat >/dev/null
kill -KILL $server
wait $server
cd / && rm -rf "$OLDPWD"`

func startS3(program string) (server s3Process, err error) {
	if server.dir, err = os.MkdirTemp("", "portico-s3-"); err != nil {
		return server, err
	}
	for _, name := range []string{"data", "attributes"} {
		if err := os.Mkdir(filepath.Join(server.dir, name), 0o700); err != nil {
			return server, err
		}
	}
	address, err := freePort()
	if err != nil {
		return server, err
	}
	server.url = "http://" + address
	command := exec.Command("/bin/sh", "-c", s3Watchdog, program,
		"--port", address, "--region", s3Region, "--quiet", "--health", "/healthy", "--keep-alive",
		"posix", "--sidecar", filepath.Join(server.dir, "attributes"), filepath.Join(server.dir, "data"))
	command.Dir = server.dir
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "ROOT_ACCESS_KEY_ID=" + s3Key, "ROOT_SECRET_ACCESS_KEY=" + s3Secret}
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt from the keyboard is not for it
	lifeline, err := command.StdinPipe()
	if err != nil {
		return server, err
	}
	if err := command.Start(); err != nil {
		return server, err
	}
	if err := healthy(server.url + "/healthy"); err != nil {
		lifeline.Close()
		log, _ := os.ReadFile(filepath.Join(server.dir, "log"))
		return server, fmt.Errorf("%w: %s", err, log)
	}
	server.lifeline = lifeline
	return server, nil
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// healthy waits until the URL answers with 200.
func healthy(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		reply, err := http.DefaultClient.Do(req)
		if err == nil {
			reply.Body.Close()
			if reply.StatusCode == http.StatusOK {
				return nil
			}
			err = fmt.Errorf("status %d", reply.StatusCode)
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
