package web

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Optional is a field of a PATCH body: absent (the zero value), null, or a value. Tag it omitzero, and
// `nullable:"true"` where null clears; without that tag null is refused with 422.
type Optional[T any] struct {
	Set   bool // the key was there
	Null  bool // and held null
	Value T
}

// Some returns an Optional that holds a value.
func Some[T any](v T) Optional[T] { return Optional[T]{Set: true, Value: v} }

// Pointer returns nil for null and for an absent field, otherwise the value.
func (o Optional[T]) Pointer() *T {
	if !o.Set || o.Null {
		return nil
	}
	return &o.Value
}

// UnmarshalJSONFrom is only called for keys that are there.
func (o *Optional[T]) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	o.Set, o.Null = true, dec.PeekKind() == 'n'
	if o.Null {
		return dec.SkipValue()
	}
	return json.UnmarshalDecode(dec, &o.Value)
}

// MarshalJSONTo writes the value, null when there is none.
func (o Optional[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	if p := o.Pointer(); p != nil {
		return json.MarshalEncode(enc, p)
	}
	return enc.WriteToken(jsontext.Null)
}

// Schema is that of the value.
func (Optional[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

func (Optional[T]) valueType() reflect.Type { return reflect.TypeFor[T]() }

// optional is what the validator sees of every Optional[T].
type optional interface{ valueType() reflect.Type }

// Nullable is an object in a reply that may be null.
type Nullable[T any] struct{ Value *T }

// MarshalJSONTo writes the object, or null.
func (n Nullable[T]) MarshalJSONTo(enc *jsontext.Encoder) error {
	return json.MarshalEncode(enc, n.Value)
}

// Schema says either.
func (Nullable[T]) Schema(r huma.Registry) *huma.Schema {
	return &huma.Schema{AnyOf: []*huma.Schema{r.Schema(reflect.TypeFor[T](), true, ""), {Type: "null"}}}
}
