package changes

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"portico.internal/platform/database"
)

const (
	leastPause = 100 * time.Millisecond // between two connections, less up to a half
	mostPause  = 2 * time.Second
	leastEcho  = 2 * time.Second // for an announcement of ours to come back
	mostEcho   = time.Minute
)

// errSilent is what a connection pooler in transaction mode looks like: it takes LISTEN and passes nothing on.
var errSilent = errors.New("announcements do not come back; LISTEN needs a direct connection, or a pooler in session mode")

// Run hears what other replicas announce until ctx ends, and connects again whenever the connection breaks. It logs once
// when announcements no longer arrive, and once when they do again. On SQLite there is nobody else, and it only waits.
func (f *Feed) Run(ctx context.Context) {
	if !database.IsPostgres(f.db) {
		<-ctx.Done()
		return
	}
	for pause := leastPause; ; pause = min(2*pause, mostPause) {
		heard, err := f.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		f.lost(ctx, err)
		if heard {
			pause = leastPause
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause/2 + rand.N(pause/2)): // replicas that lost one server together come back one by one
		}
	}
}

// listen uses one connection for as long as it lasts and reports whether anything was heard on it.
func (f *Feed) listen(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithCancel(ctx)
	heard := make(chan struct{})
	first := sync.OnceFunc(func() { close(heard) })
	var probe sync.WaitGroup
	err := database.Listen(ctx, f.db, channel, func() {
		f.tellAll()
		probe.Go(func() { f.probe(ctx, heard) })
	}, func(payload string) {
		first()
		topic, key, _ := strings.Cut(payload, " ")
		f.tell(topic, key)
	})
	cancel()
	probe.Wait()
	select {
	case <-heard:
		return true, err
	default:
		return false, err
	}
}

// probe announces nothing, on another connection, until something is heard.
func (f *Feed) probe(ctx context.Context, heard <-chan struct{}) {
	for wait := leastEcho; ; wait = min(2*wait, mostEcho) {
		err := announce(f.db.WithContext(ctx), "")
		select {
		case <-heard:
			f.found(ctx)
			return
		case <-ctx.Done():
			return
		case <-time.After(wait):
			if err == nil {
				f.lost(ctx, errSilent)
			}
		}
	}
}

func (f *Feed) lost(ctx context.Context, err error) {
	f.hear.Store(false)
	if !f.deaf.Swap(true) {
		f.log.WarnContext(ctx, "changes made by other replicas are noticed late", "error", err)
	}
}

func (f *Feed) found(ctx context.Context) {
	f.hear.Store(true)
	if f.deaf.Swap(false) {
		f.log.InfoContext(ctx, "changes made by other replicas are noticed at once")
	}
}
