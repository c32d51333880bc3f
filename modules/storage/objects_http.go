package storage

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"portico.internal/platform/errs"
	"portico.internal/platform/web"
)

const objectsPath = "/internal/storage/objects"

// objectsDoor is where feature services keep files. With an external storage service there is none here.
type objectsDoor struct {
	objects *objects
	remote  *remote
}

func newObjectsDoor(o *objects, r *remote) objectsDoor { return objectsDoor{o, r} }

func (d objectsDoor) routes() []web.Route {
	if d.remote != nil {
		return nil
	}
	one := objectsPath + "/{key...}"
	content, ranges := web.Media("*/*"), web.Also(http.StatusPartialContent, http.StatusNotModified)
	return []web.Route{
		web.Get(objectsPath, web.User, d.list, web.Summary("Objects in the order of their keys, a page at a time")),
		web.Raw(http.MethodPut, one, web.User, d.put, web.Answers[objectOut](), web.Also(http.StatusCreated), web.Summary("Store an object: 201 where it is new, 200 where it takes the place of another")),
		web.Raw(http.MethodGet, one, web.User, d.get, content, ranges, web.Summary("The content of an object, or one range of it")),
		web.Raw(http.MethodHead, one, web.User, d.get, content, ranges, web.Summary("What GET would answer, without the content")),
		web.Raw(http.MethodDelete, one, web.User, d.delete, web.Status(http.StatusNoContent), web.Summary("Delete an object")),
	}
}

type objectOut struct {
	Key         string    `json:"key"`
	Size        int64     `json:"size"`
	ContentType string    `json:"content_type"`
	SHA256      string    `json:"sha256"`
	ModifiedAt  time.Time `json:"modified_at"`
}

func show(o Object) objectOut {
	return objectOut{o.Key, o.Size, o.ContentType, o.SHA256, o.ModifiedAt}
}

type listIn struct {
	Prefix string            `query:"prefix" maxLength:"1024" doc:"Of the key, to the byte"`
	After  string            `query:"after" maxLength:"1024" doc:"The key to go on after"`
	Limit  web.Optional[int] `query:"limit" minimum:"1" maximum:"1000" doc:"1000 unless said otherwise"`
}

type listOut struct {
	Objects []objectOut `json:"objects"`
	Next    *string     `json:"next" nullable:"true" doc:"The key to go on after; null at the end"`
}

func (d objectsDoor) list(ctx context.Context, in *listIn) (*listOut, error) {
	limit := 1000
	if in.Limit.Set {
		limit = in.Limit.Value
	}
	rows, next, err := d.objects.list(ctx, in.Prefix, in.After, limit)
	if err != nil {
		return nil, err
	}
	out := &listOut{Objects: make([]objectOut, len(rows))}
	for i, o := range rows {
		out.Objects[i] = show(o)
	}
	if next != "" {
		out.Next = &next
	}
	return out, nil
}

func (d objectsDoor) put(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("key")
	contentType, sum, err := putHeader(key, r.Header)
	var o Object
	var created bool
	if err == nil {
		o, created, err = d.objects.put(r.Context(), key, contentType, sum, body{r})
	}
	if err != nil {
		w.Header().Set("Connection", "close") // nobody knows how much is still to come
		return err
	}
	describe(w.Header(), o)
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return web.WriteJSON(w, status, show(o))
}

func (d objectsDoor) delete(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("key")
	if !validKey(key) {
		return errNoObject()
	}
	if err := d.objects.delete(r.Context(), key); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// get answers GET and HEAD as RFC 9110 has it: If-None-Match, and one range of bytes, held against If-Range.
func (d objectsDoor) get(w http.ResponseWriter, r *http.Request) error {
	key := r.PathValue("key")
	if !validKey(key) {
		return errNoObject()
	}
	o, err := d.objects.get(r.Context(), key)
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		return head(w, r, o)
	}
	var content io.ReadCloser
	var part span
	o, content, err = d.objects.open(r.Context(), o, func(o Object) (int64, int64, error) {
		part, err = spanOf(r.Header, o)
		return part.offset, part.length, err
	})
	switch {
	case errors.Is(err, errUnchanged), errors.Is(err, errUnsatisfiable):
		return answerWithout(w, o, err)
	case err != nil:
		return err
	}
	defer content.Close()
	part.begin(w, o)
	n, err := io.CopyN(w, content, part.length)
	if n < part.length && r.Context().Err() == nil {
		return errs.Wrap(errs.Internal, "", errors.Join(errors.New("the content of an object is shorter than its row says"), err))
	}
	return nil
}

func head(w http.ResponseWriter, r *http.Request, o Object) error {
	part, err := spanOf(r.Header, o)
	if err != nil {
		return answerWithout(w, o, err)
	}
	part.begin(w, o)
	return nil
}

// describe sets what every reply says of an object.
func describe(h http.Header, o Object) {
	h.Set("ETag", etag(o))
	h.Set("X-Content-SHA256", o.SHA256)
	h.Set("Last-Modified", o.ModifiedAt.UTC().Format(http.TimeFormat))
}

func etag(o Object) string { return strconv.Quote(o.SHA256) }
