package storage

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"portico.internal/platform/testkit"
)

// bucket is a place in a bucket of the test's S3 server.
func (s *site) bucket(at testkit.S3, prefix string) place {
	s.t.Helper()
	p, err := s.backends.parse(kindS3, s3Config(at, prefix))
	require.NoError(s.t, err)
	return p
}

// person writes, overwrites, deletes and reads keys that nobody else touches, and knows what must be there.
type person struct {
	name  string
	model map[string]string
	ops   int
}

func (p *person) work(ctx context.Context, r *replica) error {
	for ctx.Err() == nil {
		p.ops++
		key := fmt.Sprintf("%s/%d", p.name, rand.IntN(25))
		want, there := p.model[key]
		switch rand.IntN(4) {
		case 0, 1:
			content := uuid.NewString()
			if _, _, err := r.objects.put(context.Background(), key, "text/plain", digest(content), strings.NewReader(content)); err != nil {
				return fmt.Errorf("put %s: %w", key, err)
			}
			p.model[key] = content
		case 2:
			if err := r.objects.delete(context.Background(), key); there != (err == nil) {
				return fmt.Errorf("delete %s: there: %t: %w", key, there, err)
			}
			delete(p.model, key)
		case 3:
			got, found, err := r.read(context.Background(), key)
			if err != nil || found != there || got != want {
				return fmt.Errorf("read %s: %q, not %q: %w", key, got, want, err)
			}
		}
		time.Sleep(rand.N(10 * time.Millisecond))
	}
	return nil
}

// Nothing that people do while files are moved there and back is lost, and nothing that they delete comes back.
func TestPeopleWorkMeanwhile(t *testing.T) {
	for _, kind := range []string{kindLocal, kindS3} {
		t.Run(kind, func(t *testing.T) {
			tables.Each(t, func(t *testing.T, d testkit.Database) {
				s := newSite(t, d)
				other := s.join()
				s.pace.lease, other.pace.lease = patience, patience
				all := s.fill(t, 60)
				there, back := s.local("other"), s.local("objects")
				if kind == kindS3 {
					there = s.bucket(testkit.NewS3(t), "some/folder")
				}
				s.run(t)
				other.run(t)
				ctx, stop := context.WithCancel(t.Context())
				var people errgroup.Group
				var crowd []*person
				for i := range 4 {
					p := &person{name: fmt.Sprintf("person-%d", i), model: map[string]string{}}
					crowd = append(crowd, p)
					at := []*replica{s.replica, other}[i%2]
					people.Go(func() error { return p.work(ctx, at) })
				}
				large := s.upload(t)
				for _, to := range []place{there, back} {
					s.begun(t, to)
					end := other.ends(t)
					require.Equal(t, stateCompleted, end.State, end.Errors)
					require.GreaterOrEqual(t, end.Total, int64(len(all)))
					require.Equal(t, end.Total, end.Done)
				}
				stop()
				require.NoError(t, people.Wait())
				all["large"] = large()
				deeds := 0
				for _, p := range crowd {
					deeds += p.ops
					maps.Copy(all, p.model)
				}
				require.Greater(t, deeds, 10)
				s.holdsExactly(t, all)
				other.holdsExactly(t, all)
				require.Equal(t, 2, strings.Count(s.log.String()+other.log.String(), `"taken":true`), "one at a time works on it")
			})
		})
	}
}

// upload begins to write an object, and returns what ends it and returns its content.
func (r *replica) upload(t *testing.T) (end func() string) {
	in, out := io.Pipe()
	var written sync.WaitGroup
	var failure error
	written.Go(func() { _, _, failure = r.objects.put(context.Background(), "large", "text/plain", "", in) })
	begin := strings.Repeat("begun before the migrations ", 100)
	_, err := io.WriteString(out, begin)
	require.NoError(t, err)
	return func() string {
		const rest = "and ended after them"
		_, err := io.WriteString(out, rest)
		require.NoError(t, err)
		require.NoError(t, out.Close())
		written.Wait()
		require.NoError(t, failure)
		return begin + rest
	}
}
