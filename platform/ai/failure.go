package ai

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"portico.internal/platform/egress"
)

// Kind says what an admin can do about a [Failure].
type Kind uint8

const (
	NotConfigured Kind = iota // choose a provider, or complete its model, base URL or key
	Refused                   // the policy does not let the address be called
	Unreachable               // nothing that speaks the provider's language answered in time and bounds
	BadKey                    // the provider does not take the key
	UnknownModel              // the provider does not have the model
	Limited                   // the provider has had enough calls, or the account's quota is used up
	Failed                    // the provider reports another error
)

// Failure is why a call came to nothing. Its text is for an admin: it holds nothing but words of our own, the provider,
// the model and the provider's status. All Unreachable of a provider have one text: whether a port is open, and to
// what, is not to be told apart. Neither the text nor the cause holds the key or anything of a reply.
type Failure struct {
	Kind   Kind
	text   string
	status int // of the reply, 0 when there was none
	cause  error
}

func (f *Failure) Error() string { return f.text }

// Unwrap returns what is known of the cause, for debugging; it may name the address.
func (f *Failure) Unwrap() error { return f.cause }

func unreachable(p Provider, status int, cause error) *Failure {
	return &Failure{Kind: Unreachable, text: fmt.Sprintf("%s could not be reached, or what answers at its address is something else", p), status: status, cause: cause}
}

// undelivered is the failure of a request that got no reply, or half of one.
func undelivered(p Provider, status int, err error) *Failure {
	cause := ours(err)
	if errors.Is(cause, egress.ErrRefused) {
		return &Failure{Kind: Refused, text: fmt.Sprintf("The address of %s is not one that may be called: private ones need to be allowed in the configuration", p), cause: cause}
	}
	return unreachable(p, status, cause)
}

var (
	errCertificate = errors.New("the certificate is not trusted")
	errNotHTTP     = errors.New("the reply is not HTTP, or broke off")
	errStatus      = errors.New("the status is none that the provider has")
	errForm        = errors.New("the body is not in the provider's form")
	errTooLong     = errors.New("the body is too long")
)

// ours keeps of a transport's error what the other side has no say in: the rest may quote its reply, and that the key.
func ours(err error) error {
	var dial *net.OpError
	var certificate *tls.CertificateVerificationError
	for _, known := range []error{egress.ErrRefused, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, known) {
			return known
		}
	}
	switch {
	case errors.As(err, &dial):
		return dial
	case errors.As(err, &certificate):
		return errCertificate
	}
	return errNotHTTP
}

// reported is the failure that the provider itself reports.
func (x *exchange) reported(kind Kind, status int) *Failure {
	e := x.endpoint
	f := &Failure{Kind: kind, status: status}
	switch {
	case kind == BadKey && e.APIKey == "":
		f.text = fmt.Sprintf("%s asks for a key", e.Provider)
	case kind == BadKey:
		f.text = fmt.Sprintf("The key was refused by %s", e.Provider)
	case kind == UnknownModel:
		f.text = fmt.Sprintf("%s has no model named %q, or not for this key", e.Provider, e.Model)
	case kind == Limited:
		f.text = fmt.Sprintf("%s takes no more calls for now, or the quota is used up", e.Provider)
	default:
		f.text = fmt.Sprintf("%s reported an error (status %d)", e.Provider, status)
	}
	return f
}
