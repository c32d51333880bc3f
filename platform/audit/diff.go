package audit

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"portico.internal/platform/logging"
	"portico.internal/platform/secrets"
)

// Changes are fields that differ, by their names in JSON with dots between. Empty but not nil says that nothing does.
type Changes map[string]Change

// Change is a field before and after, nil where it was not or is not there. Of a secret it holds [secrets.Hidden].
type Change struct {
	Old any `json:"old"`
	New any `json:"new"`
}

// Diff compares two values by their JSON: objects field by field, anything else as a whole. Nil is a thing that is not there:
// Diff(nil, group) is what a group was made of. Fields that are secrets by what they are called (see [logging.Secret]), or
// are named here, are only told to differ. A value that has no JSON panics.
func Diff(before, after any, secret ...string) Changes {
	old, new := plain(before), plain(after)
	return compare(old, new, hide("", old, secret), hide("", new, secret))
}

// DiffShown is [Diff] for values of which others know what may be shown: the same in JSON, with [secrets.Hidden], or a text
// that begins with it, in the place of every secret.
func DiffShown(before, after, shownBefore, shownAfter any) Changes {
	return compare(plain(before), plain(after), plain(shownBefore), plain(shownAfter))
}

// Fields are the names of what differs, in order.
func (c Changes) Fields() []string { return slices.Sorted(maps.Keys(c)) }

// plain is a value as its JSON is parsed, numbers with all their digits.
func plain(v any) any {
	text, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true))
	var out any
	if err == nil {
		err = json.Unmarshal(text, &out, json.WithUnmarshalers(json.UnmarshalFromFunc(exactNumber)))
	}
	if err != nil {
		panic(fmt.Sprintf("audit: a value has no JSON: %s", err))
	}
	return out
}

// exactNumber keeps a number as it is written.
func exactNumber(dec *jsontext.Decoder, v *any) error {
	if dec.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	text, err := dec.ReadValue()
	*v = text.Clone()
	return err
}

func compare(old, new, shownOld, shownNew any) Changes {
	c := Changes{}
	c.compare("", old, new, shownOld, shownNew)
	return c
}

func (c Changes) compare(path string, old, new, shownOld, shownNew any) {
	before, wasObject := shownOld.(map[string]any)
	after, isObject := shownNew.(map[string]any)
	if (wasObject || shownOld == nil) && (isObject || shownNew == nil) && (wasObject || isObject) {
		names := maps.Clone(before)
		if names == nil {
			names = map[string]any{}
		}
		maps.Copy(names, after)
		for name := range names {
			c.compare(join(path, name), member(old, name), member(new, name), before[name], after[name])
		}
		return
	}
	if !reflect.DeepEqual(old, new) {
		c[cmp.Or(path, "value")] = Change{shownOld, shownNew}
	}
}

func member(v any, name string) any {
	object, _ := v.(map[string]any)
	return object[name]
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// hide is a value without its secrets.
func hide(path string, v any, secret []string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			at := join(path, name)
			if logging.Secret(name) || slices.Contains(secret, at) {
				out[name] = hidden(value)
				continue
			}
			out[name] = hide(at, value, secret)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = hide(path, v[i], secret)
		}
		return out
	}
	return v
}

// hidden stands for a secret. Whether there is one may be seen, and so may a yes or no.
func hidden(v any) any {
	switch v.(type) {
	case nil, bool:
		return v
	}
	if v == "" {
		return v
	}
	return secrets.Hidden
}

const (
	maxText    = 256     // characters of a text
	maxValue   = 1 << 10 // bytes of a value in JSON
	maxChanges = 8 << 10 // bytes of all of it
	lastMember = 100     // bytes that are enough for how many fields are missing
)

// text is the changes as they are kept: an object, by field, of which nothing is longer than a reader needs.
func (c Changes) text() string {
	if c == nil {
		return ""
	}
	out := []byte{'{'}
	add := func(name string, change Change, room int) bool {
		member, err := json.Marshal(map[string]Change{name: change}, jsontext.AllowInvalidUTF8(true))
		if err != nil || len(out)+len(member) > room {
			return false
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, member[1:len(member)-1]...)
		return true
	}
	fields := c.Fields()
	for i, name := range fields {
		short := Change{shorten(c[name].Old), shorten(c[name].New)}
		if !add(cut(name, maxText), short, maxChanges-lastMember) {
			add(dots, Change{New: fmt.Sprintf("%d more", len(fields)-i)}, maxChanges)
			break
		}
	}
	return string(append(out, '}'))
}

// shorten brings a value into the form of an entry.
func shorten(v any) any {
	v = masked(v)
	if text, ok := v.(string); ok {
		return cut(text, maxText)
	}
	text, err := json.Marshal(v, jsontext.AllowInvalidUTF8(true))
	if err != nil || len(text) > maxValue {
		return fmt.Sprintf("%s%d bytes", dots, len(text))
	}
	return v
}

// masked is a value whose texts have nothing with the form of a secret.
func masked(v any) any {
	switch v := v.(type) {
	case string:
		if strings.HasPrefix(v, secrets.Hidden) {
			return secrets.Hidden
		}
		return logging.Mask(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = masked(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			out[name] = masked(value)
		}
		return out
	}
	return v
}
