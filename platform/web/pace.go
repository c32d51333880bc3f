package web

import (
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// How slow a client may be. Bodies have no bound in time, but each stretch of one, in or out, must get through within
// [Options.Stall]: a slow transfer goes on, one that drips or stands still ends.
const (
	stretch = 32 << 10

	glance     = 50 * time.Millisecond // for what a refused request still has to bring, which mostly is here already
	glanceSize = 64 << 10
	linger     = 5 * time.Second // for a client that goes on sending to read why it should not
)

// DefaultStall is the stall of a site that is not told another one. It is long enough for a door behind the public one,
// whose clients pass on at the pace of theirs.
const DefaultStall = 15 * time.Minute

// intake is the body of a request, which must keep its pace.
type intake struct {
	io.ReadCloser
	reply    *exchange
	control  *http.ResponseController
	length   int64 // -1 when it is not told
	expected bool  // the client waits to be asked for it

	stall    time.Duration
	left     int64         // of the stretch under way
	waited   time.Duration // for it
	deadline time.Time     // of the connection
	over     atomic.Bool   // nothing more is to be read
	duplex   bool          // it is read on while the reply goes out
}

func (s *Site) newIntake(x *exchange, r *http.Request) *intake {
	return &intake{
		ReadCloser: r.Body, reply: x, control: http.NewResponseController(x.ResponseWriter), length: r.ContentLength,
		expected: strings.EqualFold(r.Header.Get("Expect"), "100-continue"), stall: s.Stall, left: stretch,
	}
}

// within bounds all that is to come.
func (b *intake) within(d time.Duration) { b.stall, b.left, b.waited = d, math.MaxInt64, 0 }

// Read fails with os.ErrDeadlineExceeded when the pace is not kept. Only the time counts in which somebody reads.
func (b *intake) Read(p []byte) (int, error) {
	if b.over.Load() {
		return b.ReadCloser.Read(p)
	}
	start := time.Now()
	if due := start.Add(b.stall - b.waited); due.Sub(b.deadline) > b.stall/64 {
		b.deadline = due
		_ = b.control.SetReadDeadline(due)
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left <= 0 {
		b.left, b.waited = stretch, 0
	} else {
		b.waited += time.Since(start)
	}
	if err == io.EOF {
		b.end()
	}
	return n, err
}

// end lets the server watch the connection for the client's leaving.
func (b *intake) end() {
	b.over.Store(true)
	_ = b.control.SetReadDeadline(time.Time{})
}

// settle is called when the reply begins. Of a body that nobody wants only what is here already is taken, so that the
// connection can serve another request; else it ends with this reply, which does not wait for the rest. So it does where
// the rest of a duplex one is still under other hands: the server would read that and the next request at the same time
// (https://go.dev/issue/68560), or take the one for the other.
func (b *intake) settle() {
	header := b.reply.Header()
	switch {
	case b.over.Load():
		return
	case b.duplex:
		header.Set("Connection", "close")
		return
	}
	b.over.Store(true)
	if !b.expected && b.length <= glanceSize && header.Get("Connection") == "" {
		_ = b.control.SetReadDeadline(time.Now().Add(glance))
		if _, err := io.CopyN(io.Discard, b.ReadCloser, glanceSize); errors.Is(err, io.EOF) {
			b.end()
			return
		}
	}
	header.Set("Connection", "close")
	_ = b.control.SetReadDeadline(time.Now().Add(linger))
}

// leave is called when the reply has ended, with or before the request.
func (b *intake) leave() {
	if b.duplex {
		_ = b.control.SetReadDeadline(time.Now().Add(linger))
	}
}

// keepPace gives what is written next until the stall to get through.
func (x *exchange) keepPace() {
	if now := time.Now(); now.Sub(x.armed) > x.stall/64 {
		x.armed = now
		_ = http.NewResponseController(x.ResponseWriter).SetWriteDeadline(now.Add(x.stall))
	}
}

// EnableFullDuplex serves http.ResponseController.
func (x *exchange) EnableFullDuplex() error {
	if x.intake != nil {
		x.intake.duplex = true
	}
	return http.NewResponseController(x.ResponseWriter).EnableFullDuplex()
}
