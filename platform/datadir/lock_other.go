//go:build !unix

package datadir

// Lock does nothing: there are no advisory locks here, so keeping to one process is up to the operator.
func Lock(string) (release func(), err error) { return func() {}, nil }
