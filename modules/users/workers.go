package users

import (
	"runtime"
	"sync"
)

// procs counts the workers of this process, by which GOMAXPROCS is above what it would be.
var procs struct {
	sync.Mutex
	workers int
}

// enlist says how many workers there shall be and raises GOMAXPROCS by as many. Low priority is of no use where the
// process has fewer CPUs than the machine: what workers take of such a quota, requests lack.
func enlist() int {
	procs.Lock()
	defer procs.Unlock()
	cores := runtime.GOMAXPROCS(0) - procs.workers
	n := max(1, cores-1)
	if cores == runtime.NumCPU() && canGiveWay() {
		n = cores
	}
	procs.workers += n
	runtime.GOMAXPROCS(cores + procs.workers)
	return n
}

func dismiss(n int) {
	procs.Lock()
	defer procs.Unlock()
	procs.workers -= n
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - n)
}
