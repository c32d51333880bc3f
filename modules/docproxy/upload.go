package docproxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"

	"portico.internal/platform/errs"
)

// upload is the body of a client's request, counted, and over when the handler is.
type upload struct {
	body   io.Reader
	limit  int64
	left   int64
	whole  atomic.Bool // its end was read
	closed atomic.Bool
}

func newUpload(r *http.Request, limit int64) *upload {
	return &upload{body: r.Body, limit: limit, left: limit}
}

func errTooLarge(limit int64) error {
	return errs.New(errs.TooLarge, fmt.Sprintf("Request body is larger than %d bytes", limit))
}

// Read fails with errs.TooLarge at the byte after the limit, and with errs.ClientClosed when the body breaks off.
func (u *upload) Read(p []byte) (int, error) {
	if u.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := u.body.Read(p)
	if u.left -= int64(n); u.left < 0 {
		return 0, errTooLarge(u.limit)
	}
	switch {
	case err == io.EOF:
		u.whole.Store(true)
		return n, err
	case err == nil:
		return n, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, errs.Wrap(errs.BadRequest, "The upload stalled", err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, new(*net.OpError)):
		return n, errs.Wrap(errs.ClientClosed, "", err)
	default:
		return n, errs.Wrap(errs.BadRequest, "There was an error parsing the body", err)
	}
}

// Close ends the upload for a transport that is still at it. The server takes care of what is left unread.
func (u *upload) Close() error { u.closed.Store(true); return nil }
