package storage

import (
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"

	"portico.internal/platform/errs"
)

const maxContentType = 255

// putHeader checks what comes with a content, before any of it is read.
func putHeader(key string, h http.Header) (contentType, sum string, err error) {
	var issues []errs.Issue
	if !validKey(key) {
		issues = append(issues, errs.ValueError(
			"A key has 1 to 1024 bytes of UTF-8 without control characters, in segments with / between that are neither empty nor dots",
			strings.ToValidUTF8(key, "\uFFFD"), "path", "key"))
	}
	contentType = h.Get("Content-Type")
	if contentType == "" {
		contentType = "application/octet-stream"
	}
	if len(contentType) > maxContentType || strings.Trim(contentType, printableASCII) != "" {
		issues = append(issues, errs.ValueError("A content type has at most 255 printable characters", nil, "header", "Content-Type"))
	}
	sum = strings.ToLower(h.Get("X-Content-SHA256"))
	if raw, err := hex.DecodeString(sum); sum != "" && (err != nil || len(raw) != 32) {
		issues = append(issues, errs.ValueError("Must be a SHA-256: 64 hexadecimal digits", sum, "header", "X-Content-SHA256"))
	}
	if len(issues) > 0 {
		return "", "", errs.InvalidInput(issues...)
	}
	return contentType, sum, nil
}

var printableASCII = func() string {
	var b strings.Builder
	for c := ' '; c <= '~'; c++ {
		b.WriteRune(c)
	}
	return b.String()
}()

// body is a content on its way in. It is not whole before its end, as its framing promises it, has been read.
type body struct{ r *http.Request }

func (b body) Read(p []byte) (int, error) {
	n, err := b.r.Body.Read(p)
	switch {
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return n, io.EOF
	case b.r.Context().Err() != nil:
		return n, errs.Wrap(errs.ClientClosed, "", err)
	}
	return n, errs.Wrap(errs.BadRequest, "The content is not whole", err)
}
