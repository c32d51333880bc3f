package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"portico.internal/platform/errs"
)

// MaxJSONBody is the most bytes that a JSON or form body may have.
const MaxJSONBody = 1 << 20

// bodyTimeout is the most that a bounded body may take to arrive.
const bodyTimeout = 30 * time.Second

// ReadBody reads a body of at most [MaxJSONBody] for a raw handler. It fails with errs.TooLarge, before a byte is read
// where the length is told, with errs.BadRequest when the body breaks off or takes more than 30 s, and with
// errs.Unavailable when too many large ones come in at once.
func ReadBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, release, err := readBody(w, r)
	release()
	return body, err
}

// readBody reads a bounded body, which counts as held until release.
func readBody(w http.ResponseWriter, r *http.Request) (body []byte, release func(), err error) {
	in := &held{budget: exchangeOf(r.Context()).budget.held}
	body, err = in.all(w, r)
	return body, in.release, err
}

func (h *held) all(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if r.ContentLength > MaxJSONBody {
		w.Header().Set("Connection", "close")
		return nil, errTooLarge()
	}
	if r.ContentLength == 0 {
		return nil, nil
	}
	if b, ok := r.Body.(*intake); ok {
		b.within(min(bodyTimeout, b.stall))
	}
	h.Reader = http.MaxBytesReader(w, r.Body, MaxJSONBody)
	var buf bytes.Buffer
	_, err := buf.ReadFrom(h)
	var tooLarge *http.MaxBytesError
	var told *errs.Error
	switch {
	case errors.As(err, &tooLarge):
		return nil, errTooLarge()
	case errors.As(err, &told):
		return nil, told
	case errors.Is(err, os.ErrDeadlineExceeded): // by which the server takes the client for gone
		w.Header().Set("Connection", "close")
		return nil, errs.Wrap(errs.BadRequest, "The request body stalled", err)
	case err != nil && r.Context().Err() != nil:
		return nil, errs.Wrap(errs.ClientClosed, "", err)
	case err != nil:
		w.Header().Set("Connection", "close")
		return nil, errs.Wrap(errs.BadRequest, "There was an error parsing the body", err)
	}
	return buf.Bytes(), nil
}

func errTooLarge() error {
	return errs.New(errs.TooLarge, fmt.Sprintf("Request body is larger than %d bytes", MaxJSONBody))
}

// number keeps the digits as they were sent, so that an error can show them.
type number string

func (n number) MarshalJSONTo(enc *jsontext.Encoder) error { return enc.WriteValue(jsontext.Value(n)) }

var keepNumbers = json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
	if dec.PeekKind() != '0' {
		return errors.ErrUnsupported
	}
	raw, err := dec.ReadValue()
	*v = number(raw)
	return err
}))

// absent stands for a body that is not there, which a pointer Body may accept.
type absent struct{}

// parseJSON returns the body as map[string]any, []any, string, number, bool or nil. It is strict: RFC 8259 in UTF-8,
// no duplicate keys, one document.
func parseJSON(contentType string, body []byte) (any, error) {
	if len(body) == 0 {
		return absent{}, nil
	}
	if !isJSON(contentType) {
		return toText(string(body)), nil // FastAPI validates such a body as the text it is
	}
	var tree any
	if err := json.Unmarshal(body, &tree, keepNumbers); err != nil {
		return nil, errs.InvalidInput(jsonIssue(body, err))
	}
	return tree, nil
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"))
}

// jsonIssue says what is wrong with a body that Go's strict parser refused, in the words of Python's json module.
func jsonIssue(body []byte, err error) errs.Issue {
	msg, pos, ok := pythonJSONError(body)
	if !ok { // Python would have taken it; we do not
		var syntax *jsontext.SyntacticError
		msg = "Expecting value" // NaN and Infinity
		if errors.As(err, &syntax) {
			pos = int(syntax.ByteOffset)
		}
		switch {
		case errors.Is(err, jsontext.ErrDuplicateName):
			msg = "Duplicate object key"
		case strings.Contains(err.Error(), "UTF-8"), strings.Contains(err.Error(), "surrogate"):
			msg = "Invalid UTF-8"
		}
	}
	return errs.Issue{Type: "json_invalid", Loc: []any{"body", pos}, Msg: "JSON decode error", Input: struct{}{}, Ctx: map[string]any{"error": msg}}
}

// findNUL returns where in the tree a string holds NUL, nil when none does. Where the body may hold secrets the place ends
// at the first name that the schema does not know: such a name may be one itself.
func (v *validator) findNUL(tree any) []any {
	switch tree := tree.(type) {
	case string:
		if strings.IndexByte(tree, 0) >= 0 {
			return []any{}
		}
	case []any:
		for i, item := range tree {
			if loc := v.items.orSame(v).findNUL(item); loc != nil {
				return append([]any{i}, loc...)
			}
		}
	case map[string]any:
		for name, item := range tree {
			if strings.IndexByte(name, 0) >= 0 {
				return []any{}
			}
			known := v.field(name)
			loc := known.orSame(v).findNUL(item)
			switch {
			case loc != nil && known == nil && v.secret:
				return []any{}
			case loc != nil:
				return append([]any{name}, loc...)
			}
		}
	}
	return nil
}

// orSame is v, or what surrounds it where the schema says nothing.
func (v *validator) orSame(outer *validator) *validator {
	if v == nil {
		return outer
	}
	return v
}

// wireJSON are the options under which every body is read and written: case-sensitive names, booleans as Pydantic
// takes them, times in UTC with no fraction or six digits of it, keys of maps in order.
var wireJSON = json.JoinOptions(
	json.Deterministic(true),
	json.WithUnmarshalers(json.JoinUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *int) error {
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		f, exact := parseNumber(string(raw))
		if !exact || !fitsInt64(f) {
			return errors.New("not a whole number")
		}
		n, _ := f.Int64() // of 30.0 and 3e1, too, which are whole numbers in JSON
		*v = int(n)
		return nil
	}), json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *bool) error {
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		var ok bool
		*v, ok = laxBool(strings.Trim(string(raw), `"`))
		if !ok {
			return errors.New("not a boolean")
		}
		return nil
	}))),
	json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, t time.Time) error {
		return enc.WriteToken(jsontext.String(FormatTime(t)))
	})),
)

// FormatTime writes a time as the API does: RFC 3339 in UTC with Z, no fraction or six digits of it.
func FormatTime(t time.Time) string {
	t = t.UTC().Truncate(time.Microsecond)
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02T15:04:05Z")
	}
	return t.Format("2006-01-02T15:04:05.000000Z")
}

// laxBool reads what Pydantic accepts for a boolean.
func laxBool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "1", "1.0", "yes", "on", "y", "t":
		return true, true
	case "false", "0", "0.0", "no", "off", "n", "f":
		return false, true
	}
	return false, false
}

// toText replaces what is no UTF-8, as Python does with forms.
func toText(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// parseForm reads the fields that the schema knows of an urlencoded or multipart form. Of a repeated field the last value
// counts.
func (v *validator) parseForm(r *http.Request, body []byte) (map[string]any, error) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	form := map[string]any{}
	switch {
	case err != nil:
	case media == "application/x-www-form-urlencoded":
		for pair := range strings.SplitSeq(string(body), "&") {
			name, value, _ := strings.Cut(pair, "=")
			if name = toText(unescape(name)); v.field(name) != nil {
				form[name] = toText(unescape(value))
			}
		}
	case media == "multipart/form-data":
		if params["boundary"] == "" {
			return nil, errs.New(errs.BadRequest, "Missing boundary in multipart.")
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if err := r.ParseMultipartForm(MaxJSONBody); err != nil {
			return nil, errs.Wrap(errs.BadRequest, "There was an error parsing the body", err)
		}
		for name, values := range r.MultipartForm.Value {
			form[toText(name)] = toText(values[len(values)-1])
		}
	}
	for name, value := range form {
		if value == "" { // an empty field counts as missing
			delete(form, name)
		}
	}
	return form, nil
}
