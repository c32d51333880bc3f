package users

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/errs"
)

// waiterOf is a call of the n-th client.
func waiterOf(n int) *waiter {
	return &waiter{client: netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", n/256, n%256)), placed: make(chan bool, 1)}
}

func TestClientsTakeTurns(t *testing.T) {
	var l line
	var order []int
	for _, client := range []int{1, 1, 1, 2, 2, 3} {
		require.True(t, l.join(waiterOf(client)))
	}
	take := func() {
		w := l.next()
		require.True(t, <-w.placed)
		b := w.client.As4()
		order = append(order, int(b[3]))
	}
	take()
	require.True(t, l.join(waiterOf(1)), "who was first is last in the turn after")
	require.True(t, l.join(waiterOf(4)))
	for range 7 {
		take()
	}
	require.Equal(t, []int{1, 2, 3, 1, 2, 4, 1, 1}, order)
	require.Nil(t, l.next())
}

// A line that one client has filled has a place for another one, at the cost of the last of the crowd.
func TestCrowdMakesRoom(t *testing.T) {
	h := newTestHasher(t)
	release := hold(t, h)
	crowd := make(chan error, maxWaiting)
	for range maxWaiting {
		go func() { crowd <- h.VerifyDummy(t.Context()) }()
	}
	require.Eventually(t, func() bool { return h.line.len() == maxWaiting }, 10*time.Second, time.Millisecond)
	require.Equal(t, errs.Unavailable, errs.KindOf(h.VerifyDummy(t.Context())))

	done := make(chan struct{})
	other := waiterOf(1)
	other.do = func() { close(done) }
	require.True(t, h.line.join(other))
	require.Equal(t, maxWaiting, h.line.len())
	err := <-crowd
	require.Equal(t, errs.Unavailable, errs.KindOf(err), "the last of the crowd makes room")
	var e *errs.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, retryAfter, e.RetryAfter)

	second := waiterOf(1)
	second.do = func() {}
	require.True(t, h.line.join(second))
	require.Equal(t, errs.Unavailable, errs.KindOf(<-crowd))
	release()
	<-done
	for range maxWaiting - 2 {
		require.NoError(t, <-crowd)
	}
}

func TestLineOfManyIsFull(t *testing.T) {
	var l line
	for client := range maxWaiting {
		require.True(t, l.join(waiterOf(client)))
	}
	require.False(t, l.join(waiterOf(maxWaiting)), "nobody has more than one")
	require.Equal(t, maxWaiting, l.len())
}
