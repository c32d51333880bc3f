package users

import "golang.org/x/sys/unix"

// canGiveWay says whether the system lets this process set priorities; a sandbox may not.
func canGiveWay() bool {
	niceness, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	return err == nil && unix.Setpriority(unix.PRIO_PROCESS, 0, 20-niceness) == nil // the system call counts from 40 down to 1
}

// giveWay puts the calling thread behind all others. On Linux niceness is of the thread, whatever POSIX says.
func giveWay() { _ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), 19) }

func isMainThread() bool { return unix.Gettid() == unix.Getpid() }
