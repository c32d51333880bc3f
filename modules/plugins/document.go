package plugins

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

const (
	maxDepth  = 64     // of lists and objects in each other
	maxValues = 50_000 // in a document
)

var (
	errDeep   = errors.New("is nested too deeply")
	errMany   = errors.New("holds too many values")
	errNumber = errors.New("holds a number that is too large or too long")
	errSyntax = errors.New("is not JSON")

	errNoObject = errors.New("is not an object")
)

// number is a number of JSON with the digits it was sent with.
type number string

// MarshalJSONTo writes the digits.
func (n number) MarshalJSONTo(enc *jsontext.Encoder) error { return enc.WriteValue(jsontext.Value(n)) }

// parse reads a JSON document (RFC 8259, UTF-8, no key twice) as nil, bool, string, number, []any and map[string]any.
// Its errors are those above.
func parse(raw []byte) (any, error) {
	if err := measure(raw); err != nil {
		return nil, err
	}
	var tree any
	if err := json.Unmarshal(raw, &tree, keepNumbers); err != nil {
		return nil, errSyntax
	}
	return tree, nil
}

// parseObject is parse for a document that must be an object.
func parseObject(raw []byte) (map[string]any, error) {
	tree, err := parse(raw)
	if err != nil {
		return nil, err
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, errNoObject
	}
	return object, nil
}

// measure reads through a document without keeping any of it.
func measure(raw []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	for values := 0; ; values++ {
		token, err := dec.ReadToken()
		switch {
		case err == io.EOF: //nolint:errorlint // io.EOF is never wrapped
			return nil
		case err != nil:
			return errSyntax
		case dec.StackDepth() > maxDepth:
			return errDeep
		case values > maxValues:
			return errMany
		case token.Kind() == '0' && !bounded(token.String()):
			return errNumber
		}
	}
}

// bounded tells numbers that can be reckoned with exactly at no great cost.
func bounded(n string) bool {
	if _, exponent, found := strings.Cut(strings.ToLower(n), "e"); found {
		if e, err := strconv.Atoi(exponent); err != nil || e < -400 || e > 400 {
			return false
		}
	}
	_, err := strconv.ParseFloat(n, 64)
	return err == nil && len(n) <= 64
}

var keepNumbers = json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
	if dec.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	raw, err := dec.ReadValue()
	*v = number(raw)
	return err
}))

// merge applies a merge patch (RFC 7396). What it returns shares parts with both.
func merge(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	old, _ := target.(map[string]any)
	merged := map[string]any{}
	maps.Copy(merged, old)
	for key, change := range changes {
		if change == nil {
			delete(merged, key)
		} else {
			merged[key] = merge(merged[key], change)
		}
	}
	return merged
}
