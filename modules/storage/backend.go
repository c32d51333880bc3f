package storage

import (
	"context"
	"errors"
	"io"
	"time"

	"portico.internal/platform/errs"
)

// blobs is what a backend can do. Names are ours: those that [plainName] and [opaqueName] make, and what begins with a
// tilde. A blob is written once and never changed.
//
// Errors are an [errs.Error] of kind Unavailable whose detail may be shown: it names no host, no key and no text of a
// library. Whether the same may succeed later without anybody doing anything, [passing] tells. What r or ctx failed with
// is returned as it is.
type blobs interface {
	// write makes a blob, durable when it returns, and replaces none: it fails with errTaken where something has the name
	// already. Where it cannot say how it ended something may have been left, which purge removes.
	write(ctx context.Context, name, contentType string, r io.Reader) (written, error)

	// open reads length bytes from offset on, to the end where length < 0. It fails with errGone where there is no blob.
	open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error)

	// remove removes a blob. That there is none is no error.
	remove(ctx context.Context, name string) error

	// purge removes a blob, and what a write of it that was cut off has left behind.
	purge(ctx context.Context, name string) error

	// exists tells whether the name is taken, by whatever it may be.
	exists(ctx context.Context, name string) (bool, error)

	// list calls each for all blobs whose name begins with prefix, ours and others; an error of each ends it and is
	// returned.
	list(ctx context.Context, prefix string, each func(name string, size int64) error) error

	// close lets idle connections go. What is under way ends well.
	close() error
}

// errTaken says that the name is not free. It is in an [errs.Error]: who tries again gets another name.
var errTaken = errors.New("the name is taken")

func taken(cause error) error {
	return passingTrouble(inTheWay, errors.Join(errTaken, cause))
}

// written says what a backend was given to write.
type written struct {
	size   int64
	sha256 string // lower-case hex
}

// errGone says that there is no blob of that name.
var errGone = errors.New("there is no such blob")

// backend is an open place.
type backend struct {
	id, kind string
	version  int64 // of the row it was opened from
	blobs
}

// retryPassing is after how long a client may try again what failed for a passing reason.
const retryPassing = 5 * time.Second

// trouble makes the error of a backend that failed for a reason which somebody has to remedy.
func trouble(reason string, cause error) error { return errs.Wrap(errs.Unavailable, reason, cause) }

// passingTrouble makes the error of a backend that failed for a reason which may be gone the next time.
func passingTrouble(reason string, cause error) error {
	return errs.Wrap(errs.Unavailable, reason, cause).Retry(retryPassing)
}

// passing tells whether the same may succeed later without anybody doing anything.
func passing(err error) bool {
	var e *errs.Error
	return errors.As(err, &e) && e.Kind == errs.Unavailable && e.RetryAfter > 0
}

// reason is what may be shown of an error of a backend.
func reason(err error) string {
	var e *errs.Error
	switch {
	case errors.As(err, &e) && e.Detail != "":
		return e.Detail
	case errors.Is(err, errGone):
		return "The blob is not there"
	case errors.Is(err, context.DeadlineExceeded):
		return "The storage did not answer in time"
	}
	return unknownReason
}
