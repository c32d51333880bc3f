package storage

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// s3Bucket writes by itself: the SDK's manager of uploads takes some 50 MiB for each, and so much less need not be kept
// of an upload whose length nobody knows.
type s3Bucket struct {
	bucket
	api    *s3.Client
	name   *string
	prefix string

	unconditional atomic.Bool // the service refuses conditions
}

var _ blobs = (*s3Bucket)(nil)

// partSize is how much of a blob is sent at once, and the memory that writing one takes. It is the least that S3 takes
// for a part; all but the last have one size, as some services want it. With at most 10,000 a blob has up to 48 GiB.
const partSize = 5 << 20

// smallSize is the memory that a blob takes which is no longer than that.
const smallSize = 64 << 10

var (
	partBuffers  = sync.Pool{New: func() any { return new([partSize]byte) }}
	smallBuffers = sync.Pool{New: func() any { return new([smallSize]byte) }}
)

func (b *s3Bucket) write(ctx context.Context, name, contentType string, r io.Reader) (written, error) {
	small := smallBuffers.Get().(*[smallSize]byte)
	defer smallBuffers.Put(small)
	in := newSource(ctx, r)
	n, err := io.ReadFull(in, small[:])
	content := small[:n]
	var part *[partSize]byte
	if err == nil { // there is more, or may be
		leave, full := b.enter(ctx)
		if full != nil {
			return written{}, full
		}
		defer leave()
		part = partBuffers.Get().(*[partSize]byte)
		defer partBuffers.Put(part)
		copy(part[:], content)
		n, err = io.ReadFull(in, part[smallSize:])
		content = part[:smallSize+n]
	}
	key, mark := aws.String(b.prefix+name), newMark()
	switch {
	case in.err != nil:
		return written{}, in.err
	case err != nil: // that is all
		err = b.conditionally(func(condition *string) error {
			_, err := b.api.PutObject(ctx, &s3.PutObjectInput{
				Bucket: b.name, Key: key, ContentType: aws.String(mediaType(contentType)), Metadata: mark, IfNoneMatch: condition,
				Body: bytes.NewReader(content),
			})
			return err
		})
	default:
		err = b.writeParts(ctx, key, mediaType(contentType), mark, in, part)
	}
	switch {
	case in.err != nil:
		return written{}, in.err
	case err != nil:
		if status, _ := replied(err); status == http.StatusPreconditionFailed || status == http.StatusConflict {
			err = taken(err)
		}
		return b.missed(ctx, in, name, mark, err)
	}
	return in.written(), nil
}

// conditionally writes on the condition that there is nothing yet, where the service knows such conditions.
func (b *s3Bucket) conditionally(write func(condition *string) error) error {
	if !b.unconditional.Load() {
		err := write(aws.String("*"))
		if status, _ := replied(err); status != http.StatusNotImplemented {
			return err
		}
		b.unconditional.Store(true)
	}
	return write(nil)
}

// writeParts writes a blob of which the buffer holds the beginning.
func (b *s3Bucket) writeParts(ctx context.Context, key *string, contentType string, mark map[string]string, in *source, buffer *[partSize]byte) error {
	upload, err := b.begin(ctx, key, contentType, mark)
	if err != nil {
		return err
	}
	parts, err := b.sendParts(ctx, key, upload, in, buffer)
	if err == nil {
		err = b.conditionally(func(condition *string) error {
			_, err := b.api.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
				Bucket: b.name, Key: key, UploadId: upload, IfNoneMatch: condition,
				MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
			})
			return err
		})
	}
	if err != nil {
		b.abort(ctx, key, upload)
	}
	return err
}

func (b *s3Bucket) sendParts(ctx context.Context, key, upload *string, in *source, buffer *[partSize]byte) (parts []types.CompletedPart, err error) {
	for n := partSize; n > 0; {
		part, err := b.part(ctx, key, upload, int32(len(parts)+1), buffer[:n])
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
		if n < partSize {
			break
		}
		n, _ = io.ReadFull(in, buffer[:])
		if in.err != nil {
			return nil, in.err
		}
	}
	return parts, nil
}

// begin begins a blob in parts and returns the id of that.
func (b *s3Bucket) begin(ctx context.Context, key *string, contentType string, mark map[string]string) (*string, error) {
	begun, err := b.api.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: b.name, Key: key, ContentType: &contentType, Metadata: mark})
	if err != nil {
		return nil, err
	}
	return begun.UploadId, nil
}

func (b *s3Bucket) part(ctx context.Context, key, upload *string, number int32, content []byte) (types.CompletedPart, error) {
	sent, err := b.api.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: b.name, Key: key, UploadId: upload, PartNumber: &number, Body: bytes.NewReader(content),
	})
	if err != nil {
		return types.CompletedPart{}, err
	}
	return types.CompletedPart{PartNumber: &number, ETag: sent.ETag}, nil
}

// undoTimeout bounds the tidying up after a write that failed, whose own time may be over.
const undoTimeout = 10 * time.Second

func undoing(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
}

func (b *s3Bucket) abort(ctx context.Context, key, upload *string) {
	ctx, cancel := undoing(ctx)
	defer cancel()
	_, _ = b.api.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: b.name, Key: key, UploadId: upload})
}

// purge also ends what was begun in parts, which otherwise lies there unseen and costs money.
func (b *s3Bucket) purge(ctx context.Context, name string) error {
	uploads, err := b.uploads(ctx, name)
	if err != nil {
		return b.told(ctx, err)
	}
	key := b.prefix + name
	for _, upload := range uploads {
		if aws.ToString(upload.Key) == key {
			b.abort(ctx, &key, upload.UploadId)
		}
	}
	return b.remove(ctx, name)
}

// uploads are the blobs that are being written in parts and whose names begin so; none where the service does not tell.
func (b *s3Bucket) uploads(ctx context.Context, prefix string) (list []types.MultipartUpload, err error) {
	pages := s3.NewListMultipartUploadsPaginator(b.api, &s3.ListMultipartUploadsInput{Bucket: b.name, Prefix: aws.String(b.prefix + prefix)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if status, _ := replied(err); status == http.StatusNotImplemented || status == http.StatusMethodNotAllowed {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		list = append(list, page.Uploads...)
	}
	return list, nil
}
