package web

import (
	"bufio"
	"iter"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
)

// Stream is a JSON array that is written as its elements come, so that its length costs no memory. It is the Out of a
// handler, or its Body. An error before the first element becomes the reply; a later one cuts the connection, for the
// status is gone by then.
type Stream[T any] iter.Seq2[T, error]

// streamed is what the reply sees of every Stream[T].
type streamed interface {
	writeTo(w http.ResponseWriter, status int) error
}

func (s Stream[T]) writeTo(w http.ResponseWriter, status int) error {
	var out *bufio.Writer
	begin := func() {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		out = bufio.NewWriterSize(w, 16<<10)
	}
	separator := byte('[')
	for element, err := range s {
		if err != nil {
			return err
		}
		if out == nil {
			begin()
		}
		_ = out.WriteByte(separator) // out remembers what goes wrong, and says so in the end
		separator = ','
		body, err := json.Marshal(element, wireJSON)
		if err != nil {
			return err
		}
		if _, err := out.Write(body); err != nil {
			return nil // the client has left
		}
	}
	if out == nil {
		begin()
		_ = out.WriteByte('[')
	}
	_ = out.WriteByte(']')
	_ = out.Flush()
	return nil
}

// Schema is that of a list.
func (Stream[T]) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: r.Schema(reflect.TypeFor[T](), true, "")}
}
