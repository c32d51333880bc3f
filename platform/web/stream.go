package web

import (
	"bufio"
	"io"
	"iter"
	"net/http"
	"reflect"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Stream is a JSON array that is written as its elements come, so that its length costs no memory. It is the Out of a
// handler, its Body, or a field of one of these. An error while nothing is sent yet becomes the reply; a later one cuts
// the connection, for the status is gone by then.
type Stream[T any] iter.Seq2[T, error]

// streamed is what the reply sees of every Stream[T].
type streamed interface{ streams() }

func (Stream[T]) streams() {}

// MarshalJSONTo writes the elements as they come. None are an empty array.
func (s Stream[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	if err := enc.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	if s != nil {
		for element, err := range s {
			if err != nil {
				return err
			}
			if err := json.MarshalEncode(enc, element); err != nil {
				return err
			}
		}
	}
	return enc.WriteToken(jsontext.EndArray)
}

// Schema is that of a list.
func (Stream[T]) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: r.Schema(reflect.TypeFor[T](), true, "")}
}

// holdsStream tells a body that is a Stream or has one for a field.
func holdsStream(t reflect.Type) bool {
	if t.Implements(reflect.TypeFor[streamed]()) {
		return true
	}
	return t.Kind() == reflect.Struct && slices.ContainsFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool {
		return f.Type.Implements(reflect.TypeFor[streamed]())
	})
}

// Written is a body that is not JSON and is written as it comes. Its content type is that of the route's [Media]. For
// errors see [Stream].
type Written func(w io.Writer) error

// writeStream answers with a JSON body that holds a Stream.
func writeStream(w http.ResponseWriter, status int, v any) error {
	return writeLate(w, status, "application/json", func(out io.Writer) error { return json.MarshalWrite(out, v, wireJSON) })
}

// writeLate answers with a body that is written as it comes.
func writeLate(w http.ResponseWriter, status int, contentType string, write func(io.Writer) error) error {
	late := &lateHeader{ResponseWriter: w, status: status, contentType: contentType}
	out := bufio.NewWriterSize(late, 16<<10)
	err := write(out)
	if err == nil {
		err = out.Flush()
	}
	if err == nil && !late.begun { // there was nothing to write
		_, err = late.Write(nil)
	}
	if late.left {
		return nil
	}
	return err
}

// lateHeader writes the header when the first bytes of the body are due.
type lateHeader struct {
	http.ResponseWriter
	status int

	contentType string
	begun       bool
	left        bool // the client has
}

func (l *lateHeader) Write(b []byte) (int, error) {
	if !l.begun {
		l.begun = true
		l.Header().Set("Content-Type", l.contentType)
		l.WriteHeader(l.status)
	}
	n, err := l.ResponseWriter.Write(b)
	l.left = err != nil
	return n, err
}
