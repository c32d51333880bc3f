package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

const (
	email    = "bench@example.com"
	password = "Correct-Horse-42!"
)

// gateway is a running portico with one user signed in.
type gateway struct {
	*child
	url, token string
}

// build makes the program as a release has it.
func (b *bench) build() error {
	const version = "0.0.0"
	b.binary = filepath.Join(b.dir, fmt.Sprintf("portico-%s-%s-%s", version, runtime.GOOS, runtime.GOARCH))
	cmd := exec.CommandContext(b.ctx, "scripts/release.sh", version, b.dir, runtime.GOOS+"/"+runtime.GOARCH)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the gateway: %w\n%s", err, out)
	}
	return nil
}

var listening = regexp.MustCompile(`http://[0-9.:]+`)

// gateway starts portico as it comes, logging each request, but with the benchmark's document service behind it and
// without the throttling of logins. more are variables of its environment.
func (b *bench) gateway(name, databaseURL, upstream string, more ...string) (*gateway, error) {
	dir := filepath.Join(b.dir, name)
	config := dir + ".yaml"
	if err := os.WriteFile(config, fmt.Appendf(nil, "services:\n  - {id: doc-service, name: Documents, url: \"http://%s\"}\n", upstream), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.Command(b.binary)
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "PORTICO_CONFIG=" + config, "PORTICO_DATA_DIR=" + dir, "PORTICO_LISTEN=127.0.0.1:0", "PORTICO_INTERNAL_LISTEN=",
		"DATABASE_URL=" + databaseURL, "PORTICO_LOGIN_FAILURES_PER_MINUTE=0", "PORTICO_ADMIN_EMAIL=admin@example.com", "PORTICO_ADMIN_PASSWORD=" + password,
	}, more...)
	g := &gateway{child: &child{cmd: cmd}}
	line, err := b.start(g.child)
	if err != nil {
		return nil, err
	}
	if g.url = listening.FindString(line); g.url == "" {
		return nil, fmt.Errorf("it says %q", line)
	}
	g.token, err = g.signUp(email)
	return g, err
}

// signUp signs an account in that need not be there yet.
func (g *gateway) signUp(email string) (token string, err error) {
	account, err := json.Marshal(map[string]string{"email": email, "password": password})
	if err != nil {
		return "", err
	}
	res, err := http.Post(g.url+"/api/auth/register", "application/json", bytes.NewReader(account))
	if err != nil {
		return "", err
	}
	res.Body.Close()
	return g.tokenOf(email)
}

// tokenOf signs an account in.
func (g *gateway) tokenOf(email string) (string, error) {
	res, err := http.PostForm(g.url+"/api/auth/login", url.Values{"username": {email}, "password": {password}})
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&token); err != nil {
		return "", err
	}
	if token.AccessToken == "" {
		return "", fmt.Errorf("login answers %s", res.Status)
	}
	return token.AccessToken, nil
}

// postgres starts a server of its own on a socket in the benchmark's directory, as it comes (fsync is on).
func (b *bench) postgres() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", errors.New("pg_ctl is not on this machine")
	}
	bin := filepath.Dir(found[len(found)-1])
	dir, err := os.MkdirTemp("", "portico-bench-pg-")
	if err != nil {
		return "", err
	}
	b.cleanup = append(b.cleanup, func() { os.RemoveAll(dir) })
	shell := func(script string) error {
		cmd := exec.Command("sh", "-c", script)
		if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
			if out, err := exec.Command("chown", "postgres", dir).CombinedOutput(); err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			cmd = exec.Command("su", "-s", "/bin/sh", "postgres", "-c", script)
		}
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(out)))
		}
		return nil
	}
	data := filepath.Join(dir, "data")
	if err := shell(fmt.Sprintf("%s/initdb -D %s -U postgres -A trust --no-sync >/dev/null", bin, data)); err != nil {
		return "", err
	}
	if err := shell(fmt.Sprintf("%s/pg_ctl -w -s -D %s -l %s/log -o \"-k %s -c listen_addresses=''\" start", bin, data, dir, dir)); err != nil {
		return "", err
	}
	b.serverLog = filepath.Join(dir, "log")
	b.cleanup = append([]func(){func() { _ = shell(fmt.Sprintf("%s/pg_ctl -s -m immediate -D %s stop", bin, data)) }}, b.cleanup...)
	return "postgres://postgres@/postgres?host=" + dir, nil
}
