package ai

import (
	"net/http"
	"time"
)

// Bound gives both calls other limits than users have.
func (c *Client) Bound(d time.Duration, bytes int64) *Client {
	c.check, c.complete = limits{d, bytes}, limits{d, bytes}
	return c
}

// Transport is what the client's calls go through.
func (c *Client) Transport() *http.Transport { return c.transport }
