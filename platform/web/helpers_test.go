package web_test

import (
	"io"
	"sync/atomic"
)

// counter is a body of blanks that counts how much of it was taken.
type counter struct {
	n     atomic.Int64
	limit int64
}

func (c *counter) Read(p []byte) (int, error) {
	if c.n.Load() >= c.limit {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = ' '
	}
	c.n.Add(int64(len(p)))
	return len(p), nil
}
