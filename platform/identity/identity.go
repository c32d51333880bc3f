// Package identity says who is calling.
package identity

import (
	"context"
	"net/http"
	"time"
)

// Caller is a signed-in user, as the database had it at most one second ago.
type Caller struct {
	ID      string
	Email   string
	IsAdmin bool
	Since   time.Time // when the token was issued that says so, in whole seconds; zero where there is none
}

// Authenticator finds out who sent a request.
type Authenticator interface {
	// Authenticate returns the caller. It fails with errs.Unauthenticated when the request names nobody or
	// nobody believable, and with errs.Unavailable when that cannot be found out at the moment.
	Authenticate(r *http.Request) (*Caller, error)
}

type key struct{}

// With returns a context that carries the caller.
func With(ctx context.Context, c *Caller) context.Context { return context.WithValue(ctx, key{}, c) }

// From returns the caller, nil when nobody is signed in.
// Behind a route with access User or Admin there always is one.
func From(ctx context.Context) *Caller {
	c, _ := ctx.Value(key{}).(*Caller)
	return c
}
