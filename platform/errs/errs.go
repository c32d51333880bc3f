// Package errs is the vocabulary of failure: a kind, and a text a client may read.
// What is not an [Error] is our fault and stays silent towards the client.
package errs

import (
	"errors"
	"time"
)

// Kind says what sort of failure an [Error] is. The one map from kind to HTTP status lives in platform/web.
type Kind uint8

const (
	Internal             Kind = iota // unknown cause; the client sees nothing of it
	BadRequest                       // a rule beyond the schema
	Unauthenticated                  // no caller, or not a believable one
	NotFound                         // not there, or the caller may not know that it is
	MethodNotAllowed                 // the path is there, the method is not
	Conflict                         // another job or change stands in the way
	PreconditionFailed               // If-Match does not hold
	TooLarge                         // a body over its limit
	UnsupportedMediaType             // content of a kind not taken here
	Invalid                          // input that breaks the schema; carries issues
	TooManyRequests                  // throttled; see RetryAfter
	ClientClosed                     // the client left before the answer; only ever logged
	BadGateway                       // an upstream cannot be reached or broke off
	Unavailable                      // a dependency is down or busy for the moment; see RetryAfter
	GatewayTimeout                   // an upstream is too slow
)

// Error is a failure that may be told. Detail is shown to the client; the cause is for the log only.
type Error struct {
	Kind       Kind
	Detail     string
	Issues     []Issue       // with Invalid: one for each failing field, in the order of the schema
	RetryAfter time.Duration // with TooManyRequests and Unavailable: rounded up to seconds on the wire
	cause      error
}

// Issue is one item of a 422 body, in the form and order of Pydantic v2.
type Issue struct {
	Type  string         `json:"type"`
	Loc   []any          `json:"loc"` // strings and ints, such as "body", "app_ids", 3
	Msg   string         `json:"msg"`
	Input any            `json:"input"` // the offending value; nil where it is a secret
	Ctx   map[string]any `json:"ctx,omitempty"`
}

// New makes an error of the kind. An empty detail stands for the status phrase.
func New(kind Kind, detail string) *Error { return &Error{Kind: kind, Detail: detail} }

// Wrap makes an error of the kind that remembers its cause for the log.
func Wrap(kind Kind, detail string, cause error) *Error {
	return &Error{Kind: kind, Detail: detail, cause: cause}
}

// InvalidInput makes an error of kind [Invalid].
func InvalidInput(issues ...Issue) *Error { return &Error{Kind: Invalid, Issues: issues} }

// ValueError is the issue of a value that has the right type and breaks a rule, as a Pydantic validator reports it.
func ValueError(text string, input any, loc ...any) Issue {
	return Issue{Type: "value_error", Loc: loc, Msg: "Value error, " + text, Input: input, Ctx: map[string]any{"error": struct{}{}}}
}

// Retry sets after how long the caller may try again and returns e.
func (e *Error) Retry(after time.Duration) *Error { e.RetryAfter = after; return e }

func (e *Error) Error() string {
	text := e.Detail
	if text == "" && len(e.Issues) > 0 {
		text = e.Issues[0].Msg
	}
	switch {
	case e.cause == nil:
		return text
	case text == "":
		return e.cause.Error()
	}
	return text + ": " + e.cause.Error()
}

func (e *Error) Unwrap() error { return e.cause }

// KindOf returns the kind of the first [Error] in err's chain, [Internal] when there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}
