package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	serviceToken = "token-of-the-benchmark-and-of-nobody-else"
	internalPath = "/internal/storage/objects/"
	migratePath  = "/api/admin/storage-config/migrate"

	copiers = 8 // objects that a migration has under way at once, and so has the plain copy
)

// files are what is moved.
type files struct {
	many int
	size int64
}

// storage measures how fast a migration moves files from a folder to S3 and back, beside a plain copy of the same files.
func (b *bench) storage(small bool, upstream string) error {
	s3, err := b.s3()
	if err != nil {
		fmt.Println("no S3 server:", err)
		return nil
	}
	sets := []files{{10_000, 4 << 10}, {20, 256 << 20}}
	if small {
		sets = []files{{1000, 4 << 10}, {16, 32 << 20}}
	}
	for i, set := range sets {
		g, err := b.storageGateway(fmt.Sprintf("storage-%d", i), upstream)
		if err != nil {
			return err
		}
		if err := b.move(g, s3, set); err != nil {
			return err
		}
		g.stop()
		for _, dir := range []string{g.dir, s3.dir} { // the disk is bounded
			if err := empty(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

// move moves a set of files there and back.
func (b *bench) move(g *storageGateway, s3 *s3Server, set files) error {
	if err := g.fill(set); err != nil {
		return err
	}
	_, filled, err := g.resident()
	if err != nil {
		return err
	}
	before, err := g.forgetPeak()
	if err != nil {
		return err
	}
	fmt.Printf("\n%d files of %s, %d at a time\n%-34s %12s %10s %8s\n", set.many, size(set.size), copiers, "", "objects/s", "MB/s", "ratio")
	local := func(name string) place { return place{Kind: "local", Root: filepath.Join(g.dir, name)} }
	remote := func(prefix string) place { return place{Kind: "s3", Endpoint: s3.url, Prefix: prefix} }
	for _, way := range []struct {
		name     string
		from, to place // of the migration
		plain    place // where the plain copy goes
		synced   bool  // it is tried with fsync too, which the library does not do and a migration does
	}{
		{name: "folder -> S3", from: local("objects"), to: remote("moved"), plain: remote("plain")},
		{name: "S3 -> folder", from: remote("moved"), to: local("moved"), plain: local("plain"), synced: true},
	} {
		plain, err := b.plainCopy(way.from, way.plain, s3, false)
		if err != nil {
			return fmt.Errorf("plain copy: %w", err)
		}
		print := func(name string, took time.Duration, than time.Duration) {
			seconds := took.Seconds()
			fmt.Printf("%-34s %12.0f %10.1f %8.2f\n", name, float64(set.many)/seconds, float64(set.size)*float64(set.many)/1e6/seconds, than.Seconds()/seconds)
		}
		print(way.name+", plain copy", plain, plain)
		if way.synced {
			durable, err := b.plainCopy(way.from, way.plain, s3, true)
			if err != nil {
				return fmt.Errorf("plain copy: %w", err)
			}
			print(way.name+", plain and fsync", durable, plain)
			plain = durable
		}
		states, err := g.migrate(way.to)
		if err != nil {
			return err
		}
		print(way.name+", migration", states["copying"], plain)
		fmt.Printf("%34s verified in %.1f s, switched in %.2f s, cleaned in %.1f s\n", "",
			states["verifying"].Seconds(), states["switching"].Seconds(), states["cleaning"].Seconds())
	}
	_, peak, err := g.resident()
	if err != nil {
		return err
	}
	fmt.Printf("memory of the gateway: at most %d MiB while it was filled, then %d MiB, at most %d MiB in the migrations\n", filled>>20, before>>20, peak>>20)
	return nil
}

// forgetPeak has the most memory that the process held counted from now on, and returns what it holds.
func (c *child) forgetPeak() (now int64, err error) {
	err = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", c.cmd.Process.Pid), []byte("5"), 0)
	if err != nil {
		return 0, err
	}
	now, _, err = c.resident()
	return now, err
}

func size(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%d KiB", bytes>>10)
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}

func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != bucketName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
		} else {
			err = errors.Join(err, empty(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// storageGateway is a gateway with its internal door open.
type storageGateway struct {
	*gateway
	dir, internal, admin string
}

func (b *bench) storageGateway(name, upstream string) (*storageGateway, error) {
	internal, err := freeAddr()
	if err != nil {
		return nil, err
	}
	g, err := b.gateway(name, "", upstream, "PORTICO_INTERNAL_LISTEN="+internal, "PORTICO_SERVICE_TOKEN="+serviceToken)
	if err != nil {
		return nil, err
	}
	admin, err := g.tokenOf("admin@example.com")
	return &storageGateway{g, filepath.Join(b.dir, name), "http://" + internal, admin}, err
}

// fill stores the files.
func (g *storageGateway) fill(set files) error {
	content := bytes.Repeat([]byte("the benchmark moves this there and back. "), 1<<20/41+1)[:1<<20]
	var group errgroup.Group
	group.SetLimit(copiers)
	for i := range set.many {
		group.Go(func() error {
			body := io.LimitReader(&repeat{content: content, at: i % 997}, set.size)
			req, err := http.NewRequest(http.MethodPut, fmt.Sprintf("%s%sfolder-%d/%d.bin", g.internal, internalPath, i%100, i), body)
			if err != nil {
				return err
			}
			req.ContentLength = set.size
			req.Header.Set("Authorization", "Bearer "+serviceToken)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			defer res.Body.Close()
			if res.StatusCode != http.StatusCreated {
				return fmt.Errorf("storing a file: %s", res.Status)
			}
			return nil
		})
	}
	return group.Wait()
}

// repeat is a content again and again.
type repeat struct {
	content []byte
	at      int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := copy(p, r.content[r.at:])
	r.at = (r.at + n) % len(r.content)
	return n, nil
}

// migrate moves everything to a place and returns how long it was in each state.
func (g *storageGateway) migrate(to place) (map[string]time.Duration, error) {
	body, err := json.Marshal(map[string]any{"backend": to.Kind, "config": to.config()})
	if err != nil {
		return nil, err
	}
	if _, err := g.call(http.MethodPost, migratePath, bytes.NewReader(body)); err != nil {
		return nil, err
	}
	states := map[string]time.Duration{}
	for last := time.Now(); ; {
		text, err := g.call(http.MethodGet, migratePath+"/status", nil)
		if err != nil {
			return nil, err
		}
		var s struct {
			State  string
			Errors []struct{ Key, Stage, Message string }
		}
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, err
		}
		now := time.Now()
		states[s.State] += now.Sub(last)
		last = now
		switch s.State {
		case "completed":
			return states, nil
		case "failed", "cancelled":
			return nil, fmt.Errorf("the migration has %s: %v", s.State, s.Errors)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (g *storageGateway) call(method, path string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequest(method, g.url+path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+g.admin)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s %s", method, path, res.Status, text)
	}
	return text, err
}

const (
	bucketName = "bench"
	region     = "us-east-1"
	accessKey  = "BENCHKEYID"
	secretKey  = "secret-of-the-benchmark"
)

// s3Server is a real S3 server (versitygw) with one bucket.
type s3Server struct {
	*child
	url, dir string
}

func (b *bench) s3() (*s3Server, error) {
	build := exec.CommandContext(b.ctx, "go", "tool", "-n", "versitygw")
	build.Dir = "tools/versitygw"
	path, err := build.Output()
	if err != nil {
		return nil, err
	}
	address, err := freeAddr()
	if err != nil {
		return nil, err
	}
	s := &s3Server{url: "http://" + address, dir: filepath.Join(b.dir, "s3")}
	attributes := filepath.Join(b.dir, "attributes")
	if err := errors.Join(os.MkdirAll(filepath.Join(s.dir, bucketName), 0o700), os.Mkdir(attributes, 0o700)); err != nil {
		return nil, err
	}
	cmd := exec.Command(strings.TrimSpace(string(path)), "--port", address, "--region", region, "--health", "/healthy", "--keep-alive", "--quiet",
		"posix", "--sidecar", attributes, s.dir)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "ROOT_ACCESS_KEY_ID=" + accessKey, "ROOT_SECRET_ACCESS_KEY=" + secretKey}
	cmd.Stderr = os.Stderr
	s.child = &child{cmd: cmd}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b.children = append(b.children, s.child)
	for range 100 {
		if res, err := http.Get(s.url + "/healthy"); err == nil {
			res.Body.Close()
			return s, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, errors.New("it does not answer")
}
