package storage

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"maps"
	"mime"
	"net/http"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"
	"golang.org/x/sync/semaphore"
)

// bucket is what the kinds of backends have in common.
type bucket struct {
	*blob.Bucket
	explain func(error) error // what an error of the driver means, nil where it is none of the known ones
	idle    func()            // lets idle connections go
	options blob.WriterOptions
	room    *semaphore.Weighted // for writers that keep a part in memory, by their number
}

const (
	writersAtOnce = 16               // that have room
	roomPatience  = 30 * time.Second // of those who wait for it
)

func newRoom() *semaphore.Weighted { return semaphore.NewWeighted(writersAtOnce) }

// enter waits for room in memory for one more part, which leave gives back.
func (b *bucket) enter(ctx context.Context) (leave func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, roomPatience)
	defer cancel()
	switch {
	case b.room.Acquire(waiting, 1) == nil:
		return func() { b.room.Release(1) }, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, passingTrouble("Too many files are being written", nil)
}

func (b *bucket) write(ctx context.Context, name, contentType string, r io.Reader) (written, error) {
	leave, err := b.enter(ctx)
	if err != nil {
		return written{}, err
	}
	defer leave()
	in, mark := newSource(ctx, r), newMark()
	options := b.options
	options.ContentType, options.Metadata = mediaType(contentType), mark
	err = b.Upload(ctx, name, in, &options)
	switch {
	case in.err != nil:
		return written{}, in.err
	case err != nil:
		if gcerrors.Code(err) == gcerrors.FailedPrecondition {
			err = taken(err)
		}
		return b.missed(ctx, in, name, mark, err)
	}
	return in.written(), nil
}

// newMark makes what tells a blob from all others that were written.
func newMark() map[string]string { return map[string]string{"portico": rand.Text()} }

// missed finds out whether a write that has failed was done all the same: the service's word of it was lost, and it was
// tried again in vain.
func (b *bucket) missed(ctx context.Context, in *source, name string, mark map[string]string, err error) (written, error) {
	if !errors.Is(err, errTaken) {
		err = b.told(ctx, err)
	}
	if passing(err) {
		there, unseen := b.Attributes(ctx, name)
		if unseen == nil && maps.Equal(there.Metadata, mark) {
			return in.written(), nil
		}
	}
	return written{}, err
}

func (b *bucket) open(ctx context.Context, name string, offset, length int64) (io.ReadCloser, error) {
	if length == 0 { // HTTP has no range of no bytes
		there, err := b.exists(ctx, name)
		if err == nil && !there {
			err = errGone
		}
		return http.NoBody, err
	}
	r, err := b.NewRangeReader(ctx, name, offset, length, nil)
	if err != nil {
		return nil, b.told(ctx, err)
	}
	return &content{r, b, ctx}, nil
}

func (b *bucket) remove(ctx context.Context, name string) error {
	err := b.told(ctx, b.Delete(ctx, name))
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}

func (b *bucket) purge(ctx context.Context, name string) error { return b.remove(ctx, name) }

func (b *bucket) exists(ctx context.Context, name string) (bool, error) {
	there, err := b.Exists(ctx, name)
	return there, b.told(ctx, err)
}

func (b *bucket) list(ctx context.Context, prefix string, each func(name string, size int64) error) error {
	all := b.List(&blob.ListOptions{Prefix: prefix})
	for {
		found, err := all.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return b.told(ctx, err)
		}
		if err := each(found.Key, found.Size); err != nil {
			return err
		}
	}
}

func (b *bucket) close() error {
	if b.idle != nil {
		b.idle()
	}
	return nil // the bucket itself stays open: it holds nothing, and there may be readers
}

// told says what an error of the driver means.
func (b *bucket) told(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if explained := b.explain(err); explained != nil {
		return explained
	}
	if gcerrors.Code(err) == gcerrors.NotFound {
		return errGone
	}
	return passingTrouble(unknownReason, err)
}

// mediaType is what a backend is told of a content type; the catalogue keeps the whole.
func mediaType(contentType string) string {
	if _, _, err := mime.ParseMediaType(contentType); err != nil {
		return "application/octet-stream"
	}
	return contentType
}

// source is what is to be written. It sums it up, ends when ctx does, and remembers why it could not be read.
type source struct {
	ctx  context.Context
	r    io.Reader
	hash hash.Hash
	size int64
	err  error
}

func newSource(ctx context.Context, r io.Reader) *source {
	return &source{ctx: ctx, r: r, hash: sha256.New()}
}

func (s *source) Read(p []byte) (int, error) {
	n, err := 0, s.ctx.Err()
	if err == nil {
		n, err = s.r.Read(p)
	}
	s.hash.Write(p[:n])
	s.size += int64(n)
	if err != nil && err != io.EOF { //nolint:errorlint // io.EOF is never wrapped
		s.err = err
	}
	return n, err
}

func (s *source) written() written {
	return written{size: s.size, sha256: hex.EncodeToString(s.hash.Sum(nil))}
}

// content is a blob that is being read.
type content struct {
	blob   *blob.Reader
	bucket *bucket
	ctx    context.Context
}

func (c *content) Read(p []byte) (int, error) {
	n, err := c.blob.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // io.EOF is never wrapped
		err = c.bucket.told(c.ctx, err)
	}
	return n, err
}

func (c *content) Close() error { return c.blob.Close() }
