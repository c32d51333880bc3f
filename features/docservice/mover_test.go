package docservice

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

// eachWithFolder runs the test with a service on each database that has kept documents in its folder, and stands still
// before its first start with a gateway that has an object API.
func eachWithFolder(t *testing.T, count int, test func(t *testing.T, f *fixture, o *fakeObjects, log *syncBuffer, all []Document)) {
	testkit.EachDatabase(t, func(t *testing.T, d testkit.Database) {
		g, log := newGatewayWithObjects(t), &syncBuffer{}
		f := start(t, Config{DatabaseURL: d.URL})
		var all []Document
		for i := range count {
			all = append(all, f.add(ann, "a.pdf", pdfOf(i+1, "")))
		}
		f.close()
		f.config.Gateway, f.config.Logger = g.at(), slog.New(slog.NewTextHandler(log, nil))
		test(t, f, g.objects, log, all)
	})
}

// All that is in the folder goes to the objects, while people read, upload and delete.
func TestFolderIsTakenOver(t *testing.T) {
	eachWithFolder(t, 12, func(t *testing.T, f *fixture, o *fakeObjects, log *syncBuffer, all []Document) {
		f.open()
		stop := make(chan struct{})
		var readers sync.WaitGroup
		for range 3 {
			readers.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					i := n % (len(all) - 1)
					r := f.call(ann, "GET", "/documents/"+all[i].ID+"/content", "")
					if r.status != 200 || r.body != string(pdfOf(i+1, "")) {
						t.Errorf("document %d: %d %s", i, r.status, r.body)
						return
					}
				}
			})
		}
		last := all[len(all)-1]
		f.call(ann, "DELETE", "/documents/"+last.ID, "").is(204)
		added := f.add(ann, "new.pdf", pdfOf(20, ""))
		want := []string{added.ID}
		for _, d := range all[:len(all)-1] {
			want = append(want, d.ID)
		}
		o.holds(t, want...)
		require.Eventually(t, func() bool {
			return strings.Contains(log.String(), `storage" documents=`) && strings.Contains(log.String(), "left=0")
		}, 20*time.Second, time.Millisecond)
		close(stop)
		readers.Wait()
		require.Empty(t, f.content())
		require.Zero(t, f.loose())
		for _, id := range want {
			require.Equal(t, inObjects, f.storedIn(id))
		}
		require.Equal(t, 1, strings.Count(log.String(), "moving documents from the folder"))
		require.Equal(t, 1, strings.Count(log.String(), "documents have been moved"))
		f.close()
		f.open() // there is nothing to do any more
		f.reads(all[0].ID, pdfOf(1, ""))
		require.Equal(t, 1, strings.Count(log.String(), "moving documents from the folder"))
	})
}

// What cannot be moved stays readable where it is, is named, and holds up nothing; a storage that is away is waited for.
func TestTakeoverWithFaults(t *testing.T) {
	eachWithFolder(t, 5, func(t *testing.T, f *fixture, o *fakeObjects, log *syncBuffer, all []Document) {
		damaged, absent, lied := all[0], all[1], all[2]
		files := &fileStore{root: f.config.DataDir + "/files"}
		require.NoError(t, os.WriteFile(files.path(damaged.ID), []byte("%PDF-damaged"), 0o600))
		require.NoError(t, os.Rename(files.path(absent.ID), f.config.DataDir+"/away"))
		lies := func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method == "HEAD" && strings.HasSuffix(r.URL.Path, lied.ID) {
				w.Header().Set("X-Content-SHA256", stuckSum)
				return true
			}
			return false
		}
		o.fails("PUT", 503)
		f.open()
		require.Eventually(t, func() bool { return strings.Contains(log.String(), "what is to be moved or removed there waits") }, 20*time.Second, time.Millisecond)
		for i, d := range all[2:] {
			require.Equal(t, inFolder, f.storedIn(d.ID))
			f.reads(d.ID, pdfOf(i+3, ""))
		}
		o.set(func() { o.fault = lies })
		f.mover.notify()
		require.Eventually(t, func() bool { return strings.Contains(log.String(), "documents=2 left=3") }, 20*time.Second, time.Millisecond)
		for _, d := range []Document{damaged, lied} {
			require.Regexp(t, `cannot be moved.* document_id=`+d.ID, log.String())
			require.Equal(t, inFolder, f.storedIn(d.ID))
		}
		require.Equal(t, 1, strings.Count(log.String(), `msg="documents are in the folder of another process, or lost" documents=1`))
		f.reads(lied.ID, pdfOf(3, ""))
		f.call(ann, "GET", "/documents/"+absent.ID+"/content", "").is(500)
		f.call(ann, "GET", "/documents/"+damaged.ID+"/content", "").is(200, "damaged")
		f.reads(all[3].ID, pdfOf(4, ""))
		f.expire() // the object of the one that was lied about may go, and comes again
		require.Eventually(t, func() bool { return f.loose() == 0 }, 20*time.Second, time.Millisecond)
		o.holds(t, all[3].ID, all[4].ID)
		require.Len(t, f.content(), 2)

		o.set(func() { o.fault = nil })
		f.close()
		require.NoError(t, os.Rename(f.config.DataDir+"/away", files.path(absent.ID)))
		f.open()
		o.holds(t, all[1].ID, all[2].ID, all[3].ID, all[4].ID)
		f.reads(absent.ID, pdfOf(2, ""))
		require.Equal(t, time.Hour, moveAgain)
	})
}

// A document that is deleted while it is being moved is gone, object and file.
func TestDeletedWhileMoved(t *testing.T) {
	for _, when := range []string{"HEAD", "PUT"} {
		eachWithFolder(t, 2, func(t *testing.T, f *fixture, o *fakeObjects, _ *syncBuffer, all []Document) {
			opened, deleted := make(chan struct{}), make(chan struct{})
			o.set(func() {
				o.fault = func(_ http.ResponseWriter, r *http.Request) bool {
					if r.Method == when && strings.HasSuffix(r.URL.Path, all[0].ID) {
						o.set(func() { o.fault = nil })
						<-opened
						f.call(ann, "DELETE", "/documents/"+all[0].ID, "").is(204)
						close(deleted)
					}
					return false
				}
			})
			f.open()
			close(opened)
			<-deleted
			require.Eventually(t, func() bool { return f.loose() == 0 && len(f.content()) == 0 }, 20*time.Second, time.Millisecond)
			o.holds(t, all[1].ID)
			f.call(ann, "GET", "/documents/"+all[0].ID, "").is(404)
		})
	}
}

// Whatever step of a move the process has ended at, the next start goes on.
func TestTakeoverGoesOn(t *testing.T) {
	for _, left := range []string{"file staged", "object stored", "row changed", "file in both", "object to be removed"} {
		t.Run(left, func(t *testing.T) {
			eachWithFolder(t, 2, func(t *testing.T, f *fixture, o *fakeObjects, _ *syncBuffer, all []Document) {
				o.set(func() { o.absent = true })
				f.open()
				id, content := all[0].ID, pdfOf(1, "")
				require.NoError(t, f.files.unplace(id))
				if left != "file staged" {
					require.NoError(t, f.announce(t.Context(), id))
					o.set(func() { o.files[objectsPrefix+id] = content })
				}
				switch left {
				case "object to be removed":
					require.NoError(t, doom(f.db, id))
				case "row changed":
					require.NoError(t, f.db.Delete(&looseObject{DocumentID: id}).Error)
					require.NoError(t, f.db.Model(&document{}).Where("id = ?", id).UpdateColumn("stored", inObjects).Error)
				case "file in both":
					require.NoError(t, f.files.place(id))
				}
				f.close()
				o.set(func() { o.absent = false })
				f.open()
				f.reads(id, content)
				require.Eventually(t, func() bool { return f.loose() == 0 && len(f.content()) == 0 }, 20*time.Second, time.Millisecond)
				o.holds(t, all[0].ID, all[1].ID)
				for i, d := range all {
					require.Equal(t, inObjects, f.storedIn(d.ID))
					f.reads(d.ID, pdfOf(i+1, ""))
				}
			})
		})
	}
}

// More documents than are looked at in one go are moved in one round.
func TestTakeoverOfMany(t *testing.T) {
	eachWithFolder(t, 1, func(t *testing.T, f *fixture, o *fakeObjects, log *syncBuffer, all []Document) {
		o.set(func() { o.absent = true })
		f.open()
		var rows []document
		content := pdfOf(1, "")
		for i := range sweepBatch + 1 {
			id := fmt.Sprintf("%08x-0000-4000-8000-000000000000", i)
			size, sum, err := f.files.stage(id, strings.NewReader(string(content)))
			require.NoError(t, err)
			require.NoError(t, f.files.place(id))
			rows = append(rows, document{ID: id, OwnerID: ann.id, Title: "x", Filename: "x.pdf", Size: size, SHA256: sum, Status: statusReady, CreatedAt: f.db.NowFunc()})
		}
		require.NoError(t, f.db.CreateInBatches(rows, 50).Error)
		f.close()
		o.set(func() { o.absent = false })
		f.open()
		require.Eventually(t, func() bool { return strings.Contains(log.String(), fmt.Sprintf("documents=%d left=0", sweepBatch+2)) }, 30*time.Second, 5*time.Millisecond)
		require.Empty(t, f.content())
		require.Len(t, o.keys(), sweepBatch+2)
	})
}
