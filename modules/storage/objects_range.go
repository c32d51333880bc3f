package storage

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"portico.internal/platform/web"
)

// What a request for an object may come to instead of the content.
var (
	errUnchanged     = errors.New("the client has it already")
	errUnsatisfiable = errors.New("no byte of it is in the range")
)

// span is what a request wants of an object.
type span struct {
	offset, length int64
	partial        bool
}

// spanOf reads the conditions and the range of a request (RFC 9110, sections 13 and 14). More than one range, and what is
// no range of bytes, stand for the whole.
func spanOf(h http.Header, o Object) (span, error) {
	whole := span{0, o.Size, false}
	if match := h.Values("If-None-Match"); len(match) > 0 && matches(match, o) {
		return whole, errUnchanged
	}
	if condition := h.Get("If-Range"); condition != "" && condition != etag(o) {
		return whole, nil
	}
	text, ok := strings.CutPrefix(h.Get("Range"), "bytes=")
	first, last, dash := strings.Cut(strings.TrimSpace(text), "-")
	if !ok || !dash || strings.Contains(text, ",") {
		return whole, nil
	}
	from, hasFrom := digits(first)
	to, hasTo := digits(last)
	switch {
	case first == "" && hasTo: // the last so many
		from, to = max(0, o.Size-to), o.Size-1
	case !hasFrom, last != "" && (!hasTo || to < from):
		return whole, nil
	case last == "":
		to = o.Size - 1
	}
	if from >= o.Size {
		return whole, errUnsatisfiable
	}
	to = min(to, o.Size-1)
	return span{from, to - from + 1, true}, nil
}

// digits reads a number; of one that is too large for an int64 it makes the largest.
func digits(text string) (int64, bool) {
	n, err := strconv.ParseInt(text, 10, 64)
	return n, (err == nil || errors.Is(err, strconv.ErrRange)) && strings.Trim(text, "0123456789") == ""
}

// matches compares weakly, as If-None-Match is.
func matches(lines []string, o Object) bool {
	return slices.ContainsFunc(strings.Split(strings.Join(lines, ","), ","), func(tag string) bool {
		tag = strings.TrimSpace(tag)
		return tag == "*" || strings.TrimPrefix(tag, "W/") == etag(o)
	})
}

// begin writes the head of a reply with content. What it is, only the one who stored it has said: no browser is to make
// anything of it.
func (p span) begin(w http.ResponseWriter, o Object) {
	h := w.Header()
	describe(h, o)
	h.Set("Content-Type", o.ContentType)
	h.Set("Content-Length", strconv.FormatInt(p.length, 10))
	h.Set("Accept-Ranges", "bytes")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox")
	status := http.StatusOK
	if p.partial {
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", p.offset, p.offset+p.length-1, o.Size))
		status = http.StatusPartialContent
	}
	w.WriteHeader(status)
}

// answerWithout answers where there is no content to send.
func answerWithout(w http.ResponseWriter, o Object, why error) error {
	describe(w.Header(), o)
	if errors.Is(why, errUnchanged) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", o.Size))
	status := http.StatusRequestedRangeNotSatisfiable
	return web.WriteJSON(w, status, map[string]string{"detail": http.StatusText(status)})
}
