package web

import (
	"fmt"
	"maps"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"

	"portico.internal/platform/errs"
)

// replyPlan says where in a typed reply the body and the headers are.
type replyPlan struct {
	body    []int // nil: the value itself is the body
	headers []headerField
	empty   bool
	streams bool // the body holds a Stream
}

type headerField struct {
	index []int
	name  string
}

func newReplyPlan(t reflect.Type) *replyPlan {
	p := &replyPlan{empty: t == reflect.TypeFor[None](), streams: holdsStream(t)}
	if t.Kind() != reflect.Struct {
		return p
	}
	if body, ok := t.FieldByName("Body"); ok {
		p.body, p.streams = body.Index, holdsStream(body.Type)
	}
	for _, f := range reflect.VisibleFields(t) {
		if name, ok := f.Tag.Lookup("header"); ok {
			p.headers = append(p.headers, headerField{f.Index, name})
		}
	}
	return p
}

func (p *replyPlan) write(w http.ResponseWriter, r *http.Request, status int, media string, out reflect.Value) error {
	if out.IsNil() || p.empty {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	for _, h := range p.headers {
		w.Header().Set(h.name, fmt.Sprint(out.Elem().FieldByIndex(h.index).Interface()))
	}
	if unchanged(r, w.Header().Get("ETag")) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	value := out.Interface()
	if p.body != nil {
		value = out.Elem().FieldByIndex(p.body).Interface()
	}
	if written, ok := value.(Written); ok {
		return writeLate(w, status, media, written)
	}
	if p.streams {
		return writeStream(w, status, value)
	}
	return WriteJSON(w, status, value)
}

// WriteJSON answers with a compact JSON body.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v, wireJSON)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that has left is not our failure
	return nil
}

// statuses is the one map from error kinds to HTTP.
var statuses = map[errs.Kind]struct {
	code   int
	detail string // when the error has none: the phrase of FastAPI
}{
	errs.Internal:             {http.StatusInternalServerError, "Internal Server Error"},
	errs.BadRequest:           {http.StatusBadRequest, "Bad Request"},
	errs.Unauthenticated:      {http.StatusUnauthorized, "Not authenticated"},
	errs.NotFound:             {http.StatusNotFound, "Not Found"},
	errs.MethodNotAllowed:     {http.StatusMethodNotAllowed, "Method Not Allowed"},
	errs.Conflict:             {http.StatusConflict, "Conflict"},
	errs.PreconditionFailed:   {http.StatusPreconditionFailed, "Precondition Failed"},
	errs.TooLarge:             {http.StatusRequestEntityTooLarge, "Request Entity Too Large"},
	errs.UnsupportedMediaType: {http.StatusUnsupportedMediaType, "Unsupported Media Type"},
	errs.Invalid:              {http.StatusUnprocessableEntity, "Unprocessable Entity"},
	errs.TooManyRequests:      {http.StatusTooManyRequests, "Too Many Requests"},
	errs.ClientClosed:         {499, "Client Closed Request"},
	errs.BadGateway:           {http.StatusBadGateway, "Bad Gateway"},
	errs.Unavailable:          {http.StatusServiceUnavailable, "Service Unavailable"},
	errs.GatewayTimeout:       {http.StatusGatewayTimeout, "Gateway Timeout"},
}

// writeError answers with FastAPI's error body. err is an [errs.Error] or our own fault, of which nothing is shown.
func writeError(w http.ResponseWriter, e *errs.Error) {
	status := statuses[e.Kind]
	var detail any = e.Detail
	switch {
	case e.Kind == errs.Internal || e.Detail == "":
		detail = status.detail
	}
	if e.Kind == errs.Invalid && len(e.Issues) > 0 {
		detail = e.Issues
	}
	if e.Kind == errs.Unauthenticated {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if err := WriteJSON(w, status.code, map[string]any{"detail": detail}); err != nil {
		_ = WriteJSON(w, http.StatusInternalServerError, map[string]any{"detail": "Internal Server Error"})
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
