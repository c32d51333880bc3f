package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"portico.internal/platform/errs"
)

// Reply is a reply that was read whole.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// ErrTooLarge is in the chain of the errs.BadGateway that [Client.Fetch] returns beside a reply that it has cut.
var ErrTooLarge = errors.New("the reply is too large")

// Fetch is [Client.Do] for a reply of at most limit bytes that is to be there, to its end, within call.Patience.
func (c *Client) Fetch(ctx context.Context, r *http.Request, call Call, limit int64) (*Reply, error) {
	start := time.Now()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	res, err := c.Do(inner, r, call)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	var late atomic.Bool
	timer := time.AfterFunc(call.Patience-time.Since(start), func() { late.Store(true); cancel() })
	defer timer.Stop()
	body, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	reply := &Reply{res.StatusCode, res.Header, body[:min(int64(len(body)), limit)]}
	switch {
	case err != nil && late.Load() && ctx.Err() == nil:
		return nil, errs.Wrap(errs.GatewayTimeout, call.Label+" timed out", err)
	case err != nil:
		return nil, err
	case int64(len(body)) > limit:
		return reply, errs.Wrap(errs.BadGateway, call.Label+" unavailable", ErrTooLarge)
	}
	return reply, nil
}
