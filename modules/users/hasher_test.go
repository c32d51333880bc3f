package users

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"

	"portico.internal/platform/errs"
)

func newTestHasher(t testing.TB) *Hasher {
	h := NewHasher(bcrypt.MinCost)
	t.Cleanup(h.Close)
	return h
}

func TestProductionCost(t *testing.T) {
	h := NewHasher(Cost)
	defer h.Close()
	hash, err := h.Hash(t.Context(), "Corr3ct-Horse")
	require.NoError(t, err)
	require.Regexp(t, `^\$2[aby]\$13\$`, hash)
	require.Regexp(t, `^\$2b\$13\$`, h.dummy)
}

func TestHashAndVerify(t *testing.T) {
	h := newTestHasher(t)
	for _, password := range []string{"Corr3ct-Horse", strings.Repeat("x", 72), "Ünïcode-9"} {
		hash, err := h.Hash(t.Context(), password)
		require.NoError(t, err)
		ok, err := h.Verify(t.Context(), hash, password)
		require.NoError(t, err)
		require.True(t, ok)
		ok, err = h.Verify(t.Context(), hash, password[1:])
		require.NoError(t, err)
		require.False(t, ok)
	}
	_, err := h.Hash(t.Context(), strings.Repeat("x", 73))
	require.Error(t, err)
	_, err = h.Hash(t.Context(), "Aa1!\x00Aa1!")
	require.Error(t, err)
}

// Hashes that libxcrypt made.
func TestVerifyTakesHashesOfOthers(t *testing.T) {
	h := newTestHasher(t)
	for password, tail := range map[string]string{
		"U*U":                   "CFaEytnzrfaPZJKbS76hh9vqd9r8v2S",
		"Corr3ct-Horse":         "ivPEsp6HcVWKjZhSBtWLVvKszC2PmTK",
		strings.Repeat("x", 72): "bzadhGtS2zEF.gu0yd0opP6cVzb.e0i",
		"Ünïcode-9":             "jtn4GH3sQH20kLUzggdWMjGuaf72vHG",
	} {
		for _, prefix := range []string{"$2a$", "$2b$", "$2y$"} {
			ok, err := h.Verify(t.Context(), prefix+"04$abcdefghijklmnopqrstuu"+tail, password)
			require.NoError(t, err)
			require.True(t, ok, "%s %q", prefix, password)
		}
		for _, prefix := range []string{"$2x$", "$3a$", "$2$0"} {
			ok, err := h.Verify(t.Context(), prefix+"04$abcdefghijklmnopqrstuu"+tail, password)
			require.NoError(t, err)
			require.False(t, ok, "%s %q", prefix, password)
		}
	}
}

func TestVerifyRefusesWhatBcryptWouldCutShort(t *testing.T) {
	h := newTestHasher(t)
	long := strings.Repeat("x", 72)
	hash, err := h.Hash(t.Context(), long)
	require.NoError(t, err)
	require.NoError(t, bcrypt.CompareHashAndPassword([]byte(hash), []byte(long+"suffix")), "the trap is gone")
	ok, err := h.Verify(t.Context(), hash, long+"suffix")
	require.NoError(t, err)
	require.False(t, ok)

	hash, err = h.Hash(t.Context(), "ab")
	require.NoError(t, err)
	require.NoError(t, bcrypt.CompareHashAndPassword([]byte(hash), []byte("ab\x00ab")), "the trap is gone")
	ok, err = h.Verify(t.Context(), hash, "ab\x00ab")
	require.NoError(t, err)
	require.False(t, ok)

	for _, hash := range []string{"", "plain", "$2b$99$" + strings.Repeat(".", 53), "$2b$31$" + strings.Repeat(".", 53), h.dummy} {
		ok, err := h.Verify(t.Context(), hash, "-")
		require.NoError(t, err)
		require.False(t, ok, hash)
	}
	require.NoError(t, h.VerifyDummy(t.Context()))
}

// hold keeps all workers busy until the returned function is called.
func hold(t *testing.T, h *Hasher) (release func()) {
	h.start.Do(h.begin)
	held, free := make(chan bool), make(chan struct{})
	for range h.count {
		go func() {
			_ = h.run(context.Background(), func() {
				held <- true
				<-free
			})
		}()
	}
	for range h.count {
		<-held
	}
	require.Eventually(t, func() bool { return h.line.len() == 0 }, 10*time.Second, 10*time.Microsecond)
	release = sync.OnceFunc(func() { close(free) })
	t.Cleanup(release)
	return release
}

func TestQueueIsBounded(t *testing.T) {
	h := newTestHasher(t)
	release := hold(t, h)
	var wg sync.WaitGroup
	results := make(chan error, maxWaiting)
	for range maxWaiting {
		wg.Go(func() {
			_, err := h.Verify(t.Context(), "", "wrong")
			results <- err
		})
	}
	require.Eventually(t, func() bool { return h.line.len() == maxWaiting }, 10*time.Second, time.Millisecond)

	_, err := h.Hash(t.Context(), "Corr3ct-Horse")
	require.Equal(t, errs.Unavailable, errs.KindOf(err))
	var e *errs.Error
	require.True(t, errors.As(err, &e))
	require.Equal(t, retryAfter, e.RetryAfter)

	release()
	wg.Wait()
	for range maxWaiting {
		require.NoError(t, <-results, "whoever waits gets an answer")
	}
	require.Zero(t, h.line.len())
}

func TestCallerThatLeavesFreesItsPlace(t *testing.T) {
	h := newTestHasher(t)
	release := hold(t, h)
	defer release()
	for range 2 * maxWaiting {
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { left <- h.VerifyDummy(ctx) }()
		require.Eventually(t, func() bool { return h.line.len() == 1 }, 10*time.Second, 10*time.Microsecond)
		leave()
		require.Equal(t, errs.ClientClosed, errs.KindOf(<-left))
		require.Zero(t, h.line.len())
	}
}

func TestCallerMayLeaveWhileItsHashIsMade(t *testing.T) {
	h := newTestHasher(t)
	ctx, leave := context.WithCancel(t.Context())
	free := make(chan struct{})
	defer close(free)
	err := h.run(ctx, func() {
		leave()
		<-free
	})
	require.Equal(t, errs.ClientClosed, errs.KindOf(err))
}

func TestWaitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(bcrypt.MinCost)
		h.start.Do(func() {}) // no worker will ever come
		began := time.Now()
		err := h.VerifyDummy(t.Context())
		require.Equal(t, errs.Unavailable, errs.KindOf(err))
		require.Equal(t, maxWait, time.Since(began))

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Equal(t, errs.Unavailable, errs.KindOf(h.VerifyDummy(ctx)))
	})
}

func TestCloseEndsTheWorkers(t *testing.T) {
	procs := runtime.GOMAXPROCS(0)
	ignore := goleak.IgnoreCurrent()
	h := NewHasher(bcrypt.MinCost)
	require.NoError(t, h.VerifyDummy(t.Context()))
	require.Equal(t, procs+h.count, runtime.GOMAXPROCS(0), "requests must find a thread while hashes are made")

	release := hold(t, h)
	waiter := make(chan error)
	go func() { waiter <- h.VerifyDummy(context.Background()) }()
	require.Eventually(t, func() bool { return h.line.len() == 1 }, 10*time.Second, time.Millisecond)
	closed := make(chan struct{})
	go func() { h.Close(); close(closed) }()
	require.Equal(t, errs.Unavailable, errs.KindOf(<-waiter))
	release()
	<-closed
	h.Close()
	require.Equal(t, errs.Unavailable, errs.KindOf(h.VerifyDummy(t.Context())))
	require.Equal(t, procs, runtime.GOMAXPROCS(0))
	require.NoError(t, goleak.Find(ignore))

	unused := NewHasher(bcrypt.MinCost)
	unused.Close()
	require.Equal(t, errs.Unavailable, errs.KindOf(unused.VerifyDummy(t.Context())))
}
