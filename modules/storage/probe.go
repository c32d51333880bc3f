package storage

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"time"

	"github.com/google/uuid"

	"portico.internal/platform/errs"
)

// probeLimit bounds a probe.
const probeLimit = 20 * time.Second

// probeName is one that no blob and no other probe has.
func probeName() string { return reserved + "/probe/" + uuid.NewString() }

// probe tries all that will be asked of a backend: it writes a blob, reads it and a part of it, lists it, removes it.
// It fails with errs.BadRequest and a reason for an admin.
func (p place) probe(ctx context.Context, b blobs) error {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	name := probeName()
	content := make([]byte, 64)
	_, _ = rand.Read(content)
	defer func() {
		ctx, cancel := undoing(ctx)
		defer cancel()
		_ = b.remove(ctx, name)
	}()
	for _, step := range []struct {
		doing string
		run   func() error
	}{
		{"Writing", func() error {
			_, err := b.write(ctx, name, "application/octet-stream", bytes.NewReader(content))
			return err
		}},
		{"Reading", func() error { return compare(ctx, b, name, 0, -1, content) }},
		{"Reading a part", func() error { return compare(ctx, b, name, 16, 32, content[16:48]) }},
		{"Listing", func() error { return lists(ctx, b, name, int64(len(content))) }},
		{"Deleting", func() error { return b.remove(ctx, name) }},
		{"Deleting", func() error {
			there, err := b.exists(ctx, name)
			if err == nil && there {
				err = trouble("what was deleted is still there", nil)
			}
			return err
		}},
	} {
		if err := step.run(); err != nil {
			return errs.Wrap(errs.BadRequest, step.doing+" a file there failed: "+reason(err), err)
		}
	}
	return nil
}

func compare(ctx context.Context, b blobs, name string, offset, length int64, want []byte) error {
	r, err := b.open(ctx, name, offset, length)
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(io.LimitReader(r, int64(len(want))+1))
	if err == nil && !bytes.Equal(got, want) {
		err = trouble("what comes back is not what was written", nil)
	}
	return err
}

func lists(ctx context.Context, b blobs, name string, size int64) error {
	found := int64(-1)
	err := b.list(ctx, name, func(listed string, n int64) error {
		if listed == name {
			found = n
		}
		return nil
	})
	if err == nil && found != size {
		err = trouble("what was written is not listed as it is", nil)
	}
	return err
}

const healthLimit = 3 * time.Second

var errEnough = errors.New("enough")

// answers tells whether a backend can be reached and looked into. It writes nothing.
func answers(ctx context.Context, b blobs) error {
	ctx, cancel := context.WithTimeout(ctx, healthLimit)
	defer cancel()
	err := b.list(ctx, reserved+"/health", func(string, int64) error { return errEnough })
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}
