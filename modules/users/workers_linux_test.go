package users

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestWorkersHaveTheLowestPriority(t *testing.T) {
	h := newTestHasher(t)
	for range 20 {
		var nice, tid int
		var err error
		require.NoError(t, h.run(t.Context(), func() {
			tid = unix.Gettid()
			nice, err = unix.Getpriority(unix.PRIO_PROCESS, tid)
		}))
		require.NoError(t, err)
		require.Equal(t, 20-19, nice, "as the system call counts")
	}
	nice, err := unix.Getpriority(unix.PRIO_PROCESS, unix.Getpid())
	require.NoError(t, err)
	require.Equal(t, 20, nice, "the process itself keeps its priority")
}
