package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
)

// pocketBaseVersion is the last one that builds with the Go of go.mod.
const pocketBaseVersion = "v0.36.8"

// buildPocketBase builds PocketBase as its own releases are built, outside of this Go module.
func (b *bench) buildPocketBase() (program string, err error) {
	fmt.Println("building PocketBase", pocketBaseVersion)
	cmd := exec.CommandContext(b.ctx, "go", "install", "-trimpath", "-ldflags", "-s -w", "github.com/pocketbase/pocketbase/examples/base@"+pocketBaseVersion)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOBIN="+b.dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return filepath.Join(b.dir, "base"), nil
}

func pocketBase(program string) *contender {
	run := func(args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Dir = filepath.Dir(program)
		cmd.Env = []string{"HOME=" + cmd.Dir} // no PATH: at its first start it would look for a browser
		return cmd
	}
	return &contender{
		name: "PocketBase " + pocketBaseVersion, program: program, health: "/api/health",
		command: func(dir, addr string) *exec.Cmd { return run("serve", "--http", addr, "--dir", dir) },
		prepare: func(dir string) error {
			out, err := run("superuser", "upsert", email, password, "--dir", dir).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		},
		signIn: func(url string) (path, token string, err error) {
			account, err := json.Marshal(map[string]string{"identity": email, "password": password})
			if err != nil {
				return "", "", err
			}
			res, err := http.Post(url+"/api/collections/_superusers/auth-with-password", "application/json", bytes.NewReader(account))
			if err != nil {
				return "", "", err
			}
			defer res.Body.Close()
			var in struct {
				Token  string
				Record struct{ ID string }
			}
			if err := json.NewDecoder(res.Body).Decode(&in); err != nil {
				return "", "", err
			}
			if in.Token == "" {
				return "", "", fmt.Errorf("login answers %s", res.Status)
			}
			return "/api/collections/_superusers/records/" + in.Record.ID, in.Token, nil
		},
	}
}
