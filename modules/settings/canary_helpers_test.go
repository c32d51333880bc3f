package settings_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/testkit"
)

// newMirrors starts servers that give the key back in whatever way they can.
func newMirrors(t testing.TB) []string {
	urls := []string{newFake(t).URL, fmt.Sprintf("http://127.0.0.1:%d", closedPort(t))}
	for _, answer := range []func(w http.ResponseWriter, r *http.Request, key string){
		func(w http.ResponseWriter, _ *http.Request, key string) { fmt.Fprintf(w, "<html>%s</html>", key) },
		func(w http.ResponseWriter, _ *http.Request, key string) {
			fmt.Fprintf(w, `{"id":%q,"error":%q}`, key, key)
		},
		func(w http.ResponseWriter, r *http.Request, key string) {
			http.Redirect(w, r, "http://"+key, http.StatusFound)
		},
		func(w http.ResponseWriter, _ *http.Request, key string) {
			w.Header().Set("Www-Authenticate", key)
			w.WriteHeader(401)
		},
		func(w http.ResponseWriter, _ *http.Request, key string) { // no HTTP
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				fmt.Fprintf(c, "%s %s\r\n%s\r\n\r\n", key, key, key)
				c.Close()
			}
		},
		func(w http.ResponseWriter, _ *http.Request, key string) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				fmt.Fprintf(c, "HTTP/1.1 200 %s\r\nContent-Length: %s\r\nTransfer-Encoding: %s\r\n\r\n", key, key, key)
				c.Close()
			}
		},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			answer(w, r, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")+r.Header.Get("X-Api-Key"))
		}))
		t.Cleanup(s.Close)
		urls = append(urls, s.URL)
	}
	return urls
}

// dumps returns all that is in the database, as it is in files and as it comes out.
func dumps(t testing.TB, d testkit.Database) map[string]string {
	t.Helper()
	db := d.Open(t)
	texts := map[string]string{}
	if d.Name == "sqlite" {
		path := strings.TrimPrefix(d.URL, "sqlite:")
		var all strings.Builder
		for _, suffix := range []string{"", "-wal"} {
			content, err := os.ReadFile(path + suffix)
			require.NoError(t, err)
			all.Write(content)
		}
		texts["the file"] = all.String()
		texts["its tables"] = tables(t, db, "SELECT name FROM sqlite_master WHERE type = 'table'")
		return texts
	}
	texts["its tables"] = tables(t, db, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
	var folder string
	require.NoError(t, db.Raw("SELECT setting FROM pg_config WHERE name = 'BINDIR'").Scan(&folder).Error)
	if program, err := exec.LookPath(filepath.Join(folder, "pg_dump")); err == nil { // the server may be on another machine
		dump, err := exec.Command(program, "--dbname", d.URL).CombinedOutput()
		require.NoError(t, err, "%s", dump)
		texts["a dump"] = string(dump)
	}
	return texts
}

func tables(t testing.TB, db *gorm.DB, query string) string {
	t.Helper()
	var names []string
	require.NoError(t, db.Raw(query).Scan(&names).Error)
	var all strings.Builder
	for _, name := range names {
		var rows []map[string]any
		require.NoError(t, db.Table(name).Find(&rows).Error)
		fmt.Fprintln(&all, name, rows)
	}
	return all.String()
}
