package docproxy

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"portico.internal/platform/errs"
	"portico.internal/platform/upstream"
)

var buffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

// writeHead sends status and headers of the service's reply, cleaned, and what protects our origin from its content.
func writeHead(w http.ResponseWriter, reply *http.Response, base *url.URL) {
	h := w.Header()
	contentType := reply.Header["Content-Type"]
	upstream.ReturnHeader(h, reply.Header)
	h["Content-Type"] = contentType // nil keeps the server from guessing
	for _, name := range []string{"Location", "Content-Location"} {
		if given := h.Get(name); given != "" {
			if mapped, ok := publicLocation(given, reply.Request.URL, base); ok {
				h.Set(name, mapped)
			} else {
				h.Del(name)
			}
		}
	}
	h["X-Content-Type-Options"] = []string{"nosniff"}
	media := ""
	if len(contentType) == 1 {
		media, _, _ = strings.Cut(contentType[0], ";")
		media = strings.ToLower(strings.TrimSpace(media))
	}
	if !inert(media) {
		h.Add("Content-Security-Policy", "sandbox")
	}
	if media == "text/event-stream" {
		h["X-Accel-Buffering"] = []string{"no"}
	}
	w.WriteHeader(reply.StatusCode)
}

// inert reports whether a browser that opens a reply of that type runs nothing of it on our origin.
func inert(media string) bool {
	kind, sub, _ := strings.Cut(media, "/")
	switch kind {
	case "image":
		return sub != "svg+xml"
	case "audio", "video", "font":
		return true
	case "application":
		return sub == "json" || sub == "octet-stream" || sub == "zip"
	case "text":
		return sub == "plain" || sub == "csv" || sub == "event-stream"
	}
	return false
}

// copyBody passes the body on as it comes, nothing waits in a buffer. An error means that the client has not got all of it.
func copyBody(w http.ResponseWriter, reply *http.Response) error {
	control := http.NewResponseController(w)
	buffer := buffers.Get().(*[32 << 10]byte)
	defer buffers.Put(buffer)
	if reply.ContentLength < 0 {
		if err := control.Flush(); err != nil { // the first event may be long in coming
			return left(err)
		}
	}
	for {
		n, err := reply.Body.Read(buffer[:])
		if n > 0 {
			if _, err := w.Write(buffer[:n]); err != nil {
				return left(err)
			}
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case n < len(buffer):
			if err := control.Flush(); err != nil {
				return left(err)
			}
		}
	}
}

func left(err error) error { return errs.Wrap(errs.ClientClosed, "", err) }
