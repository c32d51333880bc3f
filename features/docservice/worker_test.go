package docservice

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
)

// inspect is the command that reads a PDF in a process of its own: this test binary, see TestMain.
func inspect(t *testing.T) []string {
	self, err := os.Executable()
	require.NoError(t, err)
	return []string{self, "inspect"}
}

// endless is an inspector that never answers.
var endless = []string{"/bin/sleep", "600"}

func exists(path string) func() bool {
	return func() bool { _, err := os.Stat(path); return err == nil }
}

// Both ways of reading come to the same verdicts.
func TestInspection(t *testing.T) {
	tests := map[string]struct {
		content []byte
		pages   *int
		problem error
	}{
		"whole":     {pdfOf(7, "Title"), new(7), nil},
		"truncated": {pdfOf(7, "Title")[:300], nil, isDamaged},
		"garbage":   {[]byte("%PDF-1.4\n" + string(bytes.Repeat([]byte{0xff, 0}, 5000))), nil, isDamaged},
		"password":  {locked(t, pdfOf(2, "")), nil, isProtected},
	}
	for name, command := range map[string][]string{"here": nil, "apart": inspect(t)} {
		t.Run(name, func(t *testing.T) {
			f := start(t, Config{Inspector: command})
			for name, test := range tests {
				t.Run(name, func(t *testing.T) {
					d := f.add(ann, "x.pdf", test.content)
					require.Equal(t, test.pages, d.Pages)
					if test.problem == nil {
						require.Equal(t, "ready", d.Status)
						require.Nil(t, d.Error)
						require.Equal(t, "Title", d.Title)
						return
					}
					require.Equal(t, "failed", d.Status)
					require.Equal(t, test.problem.Error(), *d.Error)
					require.Equal(t, "x", d.Title)
					require.Equal(t, string(test.content), f.call(ann, "GET", "/documents/"+d.ID+"/content", "").is(200).body, "the document stays")
				})
			}
		})
	}
}

// A file that unpacks to more memory than there is ends the process that reads it, and nothing else.
func TestInspectionBomb(t *testing.T) {
	f := start(t, Config{Inspector: inspect(t)})
	d := f.add(ann, "bomb.pdf", bomb())
	require.Equal(t, "failed", d.Status)
	require.Equal(t, isTooHard.Error(), *d.Error)
	require.Equal(t, "ready", f.add(ann, "next.pdf", pdfOf(1, "")).Status)
}

func TestInspectionTimeout(t *testing.T) {
	i := newInspector(endless)
	i.timeout = 50 * time.Millisecond
	_, err := i.inspect(t.Context(), fileOf(t, pdfOf(1, "")))
	require.ErrorIs(t, err, isTooHard)

	here := newInspector(nil)
	here.timeout = time.Nanosecond
	_, err = here.inspect(t.Context(), fileOf(t, pdfOf(1, "")))
	require.ErrorIs(t, err, isTooHard)
}

// The process that reads an upload knows nothing worth stealing.
func TestInspectionHasNoSecrets(t *testing.T) {
	t.Setenv("PORTICO_SECRET_KEY", "hunter2")
	out := filepath.Join(t.TempDir(), "env")
	_, err := newInspector([]string{"/bin/sh", "-c", "env > " + out + `; echo '{"pages":1}'`}).inspect(t.Context(), fileOf(t, nil))
	require.NoError(t, err)
	env, err := os.ReadFile(out)
	require.NoError(t, err)
	require.NotEmpty(t, env)
	require.NotContains(t, string(env), "hunter2")
}

func TestInspectionOfABrokenCommand(t *testing.T) {
	var problem unreadable
	_, err := newInspector([]string{"/nonexistent"}).inspect(t.Context(), fileOf(t, nil))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.False(t, errors.As(err, &problem), "says nothing about the document")
	_, err = newInspector([]string{"/bin/sh", "-c", "echo nonsense"}).inspect(t.Context(), fileOf(t, nil))
	require.Error(t, err)
	require.False(t, errors.As(err, &problem))
}

// begun waits until reading the document has begun for the nth time.
func (f *fixture) begun(id string, nth int) {
	f.t.Helper()
	require.Eventually(f.t, func() bool {
		var row document
		require.NoError(f.t, f.db.Take(&row, "id = ?", id).Error)
		return row.Attempts == nth && row.Status == statusProcessing
	}, 20*time.Second, time.Millisecond)
}

// What was being read when the service stopped is read at the next start, however often that happens.
func TestRestartGoesOn(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		var ids []string
		for range 2 * maxAttempts {
			f.close()
			f.config.Inspector = endless
			f.open()
			d := decode[Document](f.post(ann, [3]string{"file", "a.pdf", string(pdfOf(4, ""))}).is(202))
			ids = append(ids, d.ID)
			f.begun(ids[0], 1)
		}
		f.close()
		f.config.Inspector = nil
		f.open()
		for _, id := range ids {
			d := f.settled(ann, id)
			require.Equal(t, "ready", d.Status)
			require.Equal(t, new(4), d.Pages)
		}
	})
}

// A reading that the service's stop has cut short does not count as one that failed.
func TestStopIsNoAttempt(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		d := f.add(ann, "a.pdf", pdfOf(1, ""))
		for range inspectSlots {
			f.worker.inspector.slots <- struct{}{}
		}
		require.NoError(t, f.db.Model(&document{}).Where("id = ?", d.ID).
			Updates(map[string]any{"status": statusProcessing, "attempts": maxAttempts - 1}).Error)
		f.worker.notify()
		f.begun(d.ID, maxAttempts)
		f.close()
		f.open()
		require.Equal(t, "ready", f.settled(ann, d.ID).Status)
	})
}

// A document at which the process dies again and again is given up.
func TestAttemptsEnd(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		d := f.add(ann, "a.pdf", pdfOf(1, ""))
		f.close()
		f.config.Inspector = []string{"/nonexistent"}
		f.open()
		again := func(attempts int) string {
			require.NoError(t, f.db.Model(&document{}).Where("id = ?", d.ID).
				Updates(map[string]any{"status": statusProcessing, "attempts": attempts}).Error)
			f.worker.notify()
			got := f.settled(ann, d.ID)
			require.Equal(t, "failed", got.Status)
			return *got.Error
		}
		require.Equal(t, isHopeless.Error(), again(maxAttempts-1), "failing for other reasons than the content")
		f.worker.inspector.command = nil
		require.Equal(t, isHopeless.Error(), again(maxAttempts), "begun so often without an end")
		require.NoError(t, f.files.remove(d.ID))
		require.Equal(t, isLost.Error(), again(0))
	})
}

// Reading a document neither revives one that was deleted meanwhile nor undoes a title given meanwhile.
func TestChangedWhileRead(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.close()
		dir := t.TempDir()
		f.config.Inspector = []string{"/bin/sh", "-c", "echo > " + dir + "/begun; until [ -e " + dir + `/go ]; do /bin/sleep 0.01; done; echo '{"pages":2,"title":"Inner"}'`}
		f.open()
		for _, test := range []struct{ method, body string }{{"DELETE", ""}, {"PATCH", `{"title":"Given"}`}} {
			d := decode[Document](f.post(ann, [3]string{"file", "a.pdf", string(pdfOf(1, ""))}).is(202))
			require.Eventually(t, exists(dir+"/begun"), 20*time.Second, time.Millisecond)
			f.call(ann, test.method, "/documents/"+d.ID, test.body)
			require.NoError(t, os.WriteFile(dir+"/go", nil, 0o600))
			last := f.add(ann, "b.pdf", pdfOf(1, "")) // read after the other
			require.Equal(t, "Inner", last.Title)
			if test.method == "DELETE" {
				f.call(ann, "GET", "/documents/"+d.ID, "").is(404)
				require.NotContains(t, f.content(), d.ID+".pdf")
			} else {
				got := f.settled(ann, d.ID)
				require.Equal(t, "Given", got.Title)
				require.Equal(t, new(2), got.Pages)
			}
			require.NoError(t, os.Remove(dir+"/go"))
			require.NoError(t, os.Remove(dir+"/begun"))
		}
	})
}

// A download that has begun ends well, also when the document is deleted under it.
func TestDeletedWhileDownloaded(t *testing.T) {
	f := start(t, Config{})
	content := append(pdfOf(1, ""), bytes.Repeat([]byte("%"), 16<<20)...) // more than the sockets hold
	d := f.add(ann, "a.pdf", content)
	res, err := f.server.Client().Do(f.request(ann, "GET", "/documents/"+d.ID+"/content", nil))
	require.NoError(t, err)
	defer res.Body.Close()
	f.call(ann, "DELETE", "/documents/"+d.ID, "").is(204)
	require.Empty(t, f.content())
	var got bytes.Buffer
	_, err = got.ReadFrom(res.Body)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, got.Bytes()))
}

// Uploads, changes and deletions at once end in documents that are whole or gone.
func TestAtOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		const n = 12
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				d := decode[Document](f.post(ann, [3]string{"file", "a.pdf", string(pdfOf(2, ""))}).is(202))
				path := "/documents/" + d.ID
				var inner sync.WaitGroup
				deleted := make([]int, 3)
				for j := range deleted {
					inner.Go(func() { f.call(ann, "PATCH", path, `{"title":"T","shared_group_ids":["g-red"]}`) })
					if i%2 == 0 {
						inner.Go(func() { deleted[j] = f.call(ann, "DELETE", path, "").status })
					}
				}
				inner.Wait()
				if i%2 == 0 && !(deleted[0]+deleted[1]+deleted[2] == 204+404+404) {
					t.Errorf("deletions answered %v", deleted)
				}
			})
		}
		wg.Wait()
		left := decode[[]Document](f.call(ann, "GET", "/documents", "").is(200))
		require.Len(t, left, n/2)
		files := map[string]int64{}
		for _, d := range left {
			d = f.settled(ann, d.ID)
			require.Equal(t, "ready", d.Status)
			require.Equal(t, []string{"g-red"}, d.SharedGroupIDs)
			files[d.ID+".pdf"] = d.Size
		}
		require.Equal(t, files, f.content())
	})
}

// One statement makes a page, however long it is.
func TestListIsOneStatement(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for range 5 {
			f.add(ann, "a.pdf", pdfOf(1, ""))
		}
		require.NoError(t, f.worker.stop(t.Context())) // they ask things of their own
		require.NoError(t, f.classifier.stop(t.Context()))
		var statements int
		count := func(db *gorm.DB) {
			if !db.DryRun { // building a subquery is a dry run
				statements++
			}
		}
		require.NoError(t, f.db.Callback().Query().After("*").Register("test:count", count))
		require.NoError(t, f.db.Callback().Row().After("*").Register("test:count", count))
		require.NoError(t, f.db.Callback().Raw().After("*").Register("test:count", count))
		f.call(ann, "GET", "/documents", "").is(200)
		require.Equal(t, 1, statements)
	})
}
