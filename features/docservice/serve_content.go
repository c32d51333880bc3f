package docservice

import (
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"

	"portico.internal/platform/errs"
	"portico.internal/platform/web"
)

func (s *Service) serveContent(w http.ResponseWriter, r *http.Request) error {
	l, err := s.get(r.Context(), callerFrom(r.Context()), r.PathValue("id"))
	if err != nil {
		return err
	}
	d := &l.Document
	from, err := s.open(r.Context(), d)
	if err != nil {
		return err
	}
	defer from.Close()
	if object, ok := from.(*objectContent); ok {
		return s.serveObject(w, r, object)
	}
	sendContent(w, r, d, from)
	return nil
}

func sendContent(w http.ResponseWriter, r *http.Request, d *document, from content) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Disposition", mime.FormatMediaType("inline", map[string]string{"filename": d.Filename}))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "private, no-cache") // ask again each time: sharing may have ended
	h.Set("ETag", `"`+d.SHA256+`"`)
	refusing := &refusingWriter{ResponseWriter: w}
	http.ServeContent(refusing, r, "", d.CreatedAt, from)
	if refusing.status != 0 {
		h.Del("Content-Disposition")
		_ = web.WriteJSON(w, refusing.status, map[string]string{"detail": http.StatusText(refusing.status)})
	}
}

// refusingWriter holds back what http.ServeContent says of a range or condition that it refuses, in words of its own.
type refusingWriter struct {
	http.ResponseWriter
	status int // 0: nothing was refused
}

func (w *refusingWriter) WriteHeader(status int) {
	if status >= http.StatusBadRequest {
		w.status = status
		return
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *refusingWriter) Write(p []byte) (int, error) {
	if w.status != 0 {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

func (s *Service) serveObject(w http.ResponseWriter, r *http.Request, object *objectContent) error {
	d := object.document
	if strings.Contains(r.Header.Get("Range"), ",") { // each range would be a request of its own; one may have the whole instead
		r.Header.Del("Range")
	}
	late := &lateWriter{ResponseWriter: w, header: w.Header().Clone(), object: object}
	sendContent(late, r, d, object)
	switch {
	case object.failure == nil:
		late.begin()
		return nil
	case r.Context().Err() != nil:
		return errs.Wrap(errs.ClientClosed, "", object.failure)
	case errors.Is(object.failure, errNoObject):
		if _, err := s.again(r.Context(), d.ID); err != nil {
			return err
		}
		return fmt.Errorf("document %s: %w", d.ID, os.ErrNotExist)
	}
	return object.failure
}

// lateWriter holds the head of a reply back until there is content, so that a storage which fails can still be answered
// with what it is.
type lateWriter struct {
	http.ResponseWriter
	header http.Header
	status int
	begun  bool
	object *objectContent
}

func (w *lateWriter) Header() http.Header { return w.header }

func (w *lateWriter) WriteHeader(status int) {
	w.status = status
	w.object.length, _ = strconv.ParseInt(w.header.Get("Content-Length"), 10, 64)
}

func (w *lateWriter) Write(p []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(p)
}

func (w *lateWriter) begin() {
	if w.begun {
		return
	}
	w.begun = true
	clear(w.ResponseWriter.Header())
	maps.Copy(w.ResponseWriter.Header(), w.header)
	w.ResponseWriter.WriteHeader(w.status)
}
