// Package guides_test keeps what the guides say true: it starts the examples in them, beside a gateway with the
// configuration in them, and runs their commands.
package guides_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// patience is how long all commands of a test that only calls may take together.
const patience = time.Minute

// tools ends a test that cannot run a guide for want of a program.
func tools(t *testing.T, names ...string) {
	t.Helper()
	testkit.Programs(t, "PORTICO_TEST_PYTHON", names...)
}

// The guide is followed by the letter, from the copied example to the last command.
func TestFeatureService(t *testing.T) {
	tools(t, "python3", "curl", "bash")
	guide := read(t, "feature-service.md")
	each(t, func(t *testing.T, d testkit.Database) {
		s := startExample(t, read(t, "examples/service.py"))
		var all []string
		for _, heading := range headings(guide) {
			if heading != groups {
				all = append(all, blocks(sections(guide)[heading], "console")...)
			}
		}
		s.follow(t, d, guide, all)
	})
}

const groups = "Let a group use it"

// What a group may do is tried with the manifest that the guide asks for.
func TestFeatureServiceOfAGroup(t *testing.T) {
	tools(t, "python3", "curl", "bash")
	guide := read(t, "feature-service.md")
	edit := `"required_groups": ["Operators"]`
	require.Contains(t, sections(guide)[groups], "`"+edit+"`")
	source := read(t, "examples/service.py")
	require.Equal(t, 1, strings.Count(source, `"required_groups": []`))
	source = strings.Replace(source, `"required_groups": []`, edit, 1)
	each(t, func(t *testing.T, d testkit.Database) {
		s := startExample(t, source)
		signIn := blocks(guide, "console")[:1]
		s.follow(t, d, guide, append(signIn, blocks(sections(guide)[groups], "console")...))
	})
}

// An alert brings the token in clear, and no redirect takes it along.
func TestExampleUsesItsSecret(t *testing.T) {
	tools(t, "python3", "curl", "bash")
	stolen := testkit.NewUpstream(t, func(x *testkit.Exchange) { x.Reply(200, "") })
	hook := testkit.NewUpstream(t, func(x *testkit.Exchange) { x.Reply(302, "", "Location: "+stolen.URL) })
	file := filepath.Join(t.TempDir(), "disk-watch.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"min_free_percent":0}`), 0o600)) // no alert at the start, however full this disk is
	s := startExample(t, read(t, "examples/service.py"), "WEBHOOK_URL="+hook.URL, "SETTINGS_FILE="+file)
	r := testkit.Request{Method: "PATCH", Path: "/plugin/settings", Body: `{"min_free_percent":100,"webhook_token":"of-the-webhook"}`, Header: map[string][]string{"X-User-Is-Admin": {"true"}}}
	service := testkit.Gateway{URL: s.url}
	require.Equal(t, 200, service.Call(t, r).Status)
	require.Equal(t, "Bearer of-the-webhook", hook.Next(t).Header("Authorization"))
	require.Empty(t, stolen.Next(t).Header("Authorization"))
}

// The example holds whoever calls it past the gateway to its promises.
func TestExampleAlone(t *testing.T) {
	tools(t, "python3", "curl", "bash")
	s := startExample(t, read(t, "examples/service.py"))
	service := testkit.Gateway{URL: s.url}
	patch := func(body string, header ...string) testkit.Reply {
		r := testkit.Request{Method: "PATCH", Path: "/plugin/settings", Body: body, Header: map[string][]string{"X-User-Is-Admin": {"true"}}}
		for i := 0; i < len(header); i += 2 {
			r.Header[header[i]] = header[i+1 : i+2]
		}
		return service.Call(t, r)
	}
	for body, where := range map[string]string{
		`{`: `["body"]`, `[]`: `["body"]`, `null`: `["body"]`, `{"min_free_percent":"7"}`: `"min_free_percent"`, `{"min_free_percent":true}`: `"min_free_percent"`,
		`{"min_free_percent":-1}`: `"min_free_percent"`, `{"webhook_token":""}`: `"webhook_token"`, `{"webhook_token":7}`: `"webhook_token"`,
		`{"webhook_token":"two\nlines"}`: `"webhook_token"`, `{"min_free_percent":{"a":1}}`: `"min_free_percent"`,
	} {
		r := patch(body)
		require.Equal(t, 422, r.Status, body)
		require.Contains(t, r.Body, where, body)
	}
	first := patch(`{"old":{"a":1,"b":2}}`)
	require.Equal(t, 200, first.Status)
	require.JSONEq(t, `{"min_free_percent":10,"webhook_token":null,"old":{"b":3,"c":{}}}`, patch(`{"old":{"a":null,"b":3,"c":{"d":null}}}`).Body)
	require.Equal(t, 412, patch(`{"old":null}`, "If-Match", first.Header.Get("ETag")).Status)
	require.JSONEq(t, `{"min_free_percent":10,"webhook_token":null}`, patch(`{"old":null}`, "If-Match", patch(`{}`).Header.Get("ETag")).Body)
	require.Equal(t, 404, patch(`{"min_free_percent":1}`, "X-User-Is-Admin", "false").Status)
	require.Equal(t, 404, service.Call(t, testkit.Request{Method: "GET", Path: "/plugin/settings"}).Status)

	var all sync.WaitGroup
	const together = 40
	for i := range together {
		all.Go(func() { patch(fmt.Sprintf(`{"key%d":%d}`, i, i)) })
	}
	all.Wait()
	kept := patch(`{}`).Body
	for i := range together {
		require.Contains(t, kept, fmt.Sprintf(`"key%d": %d`, i, i), "changes at the same time all survive")
	}
	info, err := os.Stat(filepath.Join(s.dir, "disk-watch.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.LessOrEqual(t, strings.Count(read(t, "examples/service.py"), "\n"), 80, "the guide says so")
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(content)
}

// each runs the test on a migrated database of each kind.
func each(t *testing.T, test func(t *testing.T, d testkit.Database)) {
	t.Helper()
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, test)
}

// service is the example at work, in a folder of its own.
type service struct{ dir, url string }

func startExample(t *testing.T, source string, environ ...string) *service {
	t.Helper()
	s := &service{dir: t.TempDir()}
	require.NoError(t, os.WriteFile(filepath.Join(s.dir, "service.py"), []byte(source), 0o600))
	cmd := exec.Command("python3", "service.py")
	cmd.Dir = s.dir
	cmd.Env = append(append(os.Environ(), "PORT=0", "WEBHOOK_URL=", "SETTINGS_FILE=disk-watch.json"), environ...)
	errors := &testkit.Output{}
	cmd.Stderr = errors
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(errors)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err, errors)
	go func() { _, _ = io.Copy(io.Discard, out) }()
	s.url = regexp.MustCompile(`http://\S+`).FindString(line)
	require.Contains(t, line, "Disk watch listens on http://127.0.0.1:")
	return s
}

// follow starts a gateway as the guide says and runs blocks of commands in one shell, in the folder of the service. The
// addresses, the account and the path of the token are those of the test.
func (s *service) follow(t *testing.T, d testkit.Database, guide string, list []string) {
	t.Helper()
	yaml := blocks(guide, "yaml")
	require.Len(t, yaml, 1)
	file := filepath.Join(s.dir, "portico.yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(yaml[0], "http://127.0.0.1:8101", s.url, 1)), 0o600))
	g := gatewaytest.Start(t, gatewaytest.Spec(), d, map[string]string{"PORTICO_CONFIG": file})
	here := strings.NewReplacer(
		"http://127.0.0.1:8000", g.URL, "http://127.0.0.1:8002", g.Internal, "http://127.0.0.1:8101", s.url,
		"admin@example.com", gatewaytest.Admin, "THE PASSWORD", testkit.Password, "data/service.token", filepath.Join(g.DataDir, "service.token"),
	)
	startShell(t, s.dir, patience).follow(here, list)
}

// command is one command of a guide and what it prints, where "..." stands for anything.
type command struct{ text, output string }

// parse reads a block of commands, each on a line after a prompt, with what it prints below.
func parse(t *testing.T, block string) []command {
	t.Helper()
	var list []command
	for line := range strings.Lines(block) {
		if text, ok := strings.CutPrefix(line, "$ "); ok {
			list = append(list, command{text: text})
			continue
		}
		require.NotEmpty(t, list, "a block begins with a command: %s", line)
		list[len(list)-1].output += line
	}
	return list
}

// shell is one in which commands are run one after the other, so that each sees the variables of those before.
type shell struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Reader
}

func startShell(t *testing.T, dir string, patience time.Duration) *shell {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	bash := exec.CommandContext(ctx, "bash")
	bash.Dir = dir
	in, err := bash.StdinPipe()
	require.NoError(t, err)
	out, err := bash.StdoutPipe()
	require.NoError(t, err)
	bash.Stderr = bash.Stdout
	require.NoError(t, bash.Start())
	t.Cleanup(func() { cancel(); _ = bash.Wait() })
	return &shell{t, in, bufio.NewReader(out)}
}

// follow runs blocks of commands, in which the test puts what is its own, and holds what they print to what is below them.
func (s *shell) follow(here *strings.Replacer, list []string) {
	s.t.Helper()
	require.NotEmpty(s.t, list)
	for _, block := range list {
		for _, c := range parse(s.t, here.Replace(block)) {
			want := strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(c.output)), `\.\.\.`, `.*`)
			require.Regexp(s.t, `^(?s:`+want+`)$`, strings.TrimSpace(s.run(c.text)), "%s", c.text)
		}
	}
}

// run returns what the command prints.
func (s *shell) run(text string) string {
	s.t.Helper()
	const end = "==== the end of it ===="
	_, err := fmt.Fprintf(s.in, "%s\nprintf '\\n%%s\\n' '%s'\n", text, end)
	require.NoError(s.t, err)
	var printed strings.Builder
	for {
		line, err := s.out.ReadString('\n')
		require.NoError(s.t, err, "%s\n%s", text, &printed)
		if line == end+"\n" {
			return printed.String()
		}
		printed.WriteString(line)
	}
}

var heading = regexp.MustCompile(`(?m)^## (.*)\n`)

func headings(guide string) (list []string) {
	for _, found := range heading.FindAllStringSubmatch(guide, -1) {
		list = append(list, found[1])
	}
	return list
}

// sections is what is below each heading.
func sections(guide string) map[string]string {
	found := map[string]string{}
	bodies := heading.Split(guide, -1)[1:]
	for i, name := range headings(guide) {
		found[name] = bodies[i]
	}
	return found
}

// blocks are the fenced blocks of a kind.
func blocks(text, kind string) (list []string) {
	for _, found := range regexp.MustCompile("(?ms)^```"+kind+"\n(.*?)^```$").FindAllStringSubmatch(text, -1) {
		list = append(list, found[1])
	}
	return list
}
