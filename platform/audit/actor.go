package audit

import (
	"cmp"
	"context"
	"os"
	"os/user"
	"strconv"

	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

// Actor is who has done something.
type Actor struct {
	Kind string // one of the constants
	ID   string // of a user
	Name string // of a user the e-mail address as it is now; of a command the account of the operating system that ran it
}

// The kinds of actors.
const (
	KindUser      = "user"
	KindCommand   = "command"   // of the binary
	KindService   = "service"   // one that has shown the service token
	KindSystem    = "system"    // the gateway by itself
	KindAnonymous = "anonymous" // somebody who has not signed in
)

type actorKey struct{}

// As returns a context in which somebody else acts than the context tells: who has just signed in, for one.
func As(ctx context.Context, a Actor) context.Context { return context.WithValue(ctx, actorKey{}, a) }

// User is an actor who is a user of the gateway.
func User(id, email string) Actor { return Actor{KindUser, id, email} }

// Operator is whoever runs a command of the binary.
func Operator() Actor {
	name := "uid " + strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		name = cmp.Or(u.Username, name)
	}
	return Actor{Kind: KindCommand, Name: name}
}

func actorOf(ctx context.Context) Actor {
	a := plainActorOf(ctx)
	a.Name = line(a.Name, MaxName)
	return a
}

func plainActorOf(ctx context.Context) Actor {
	if a, ok := ctx.Value(actorKey{}).(Actor); ok {
		return a
	}
	caller := identity.From(ctx)
	switch {
	case caller == nil && web.RequestID(ctx) == "":
		return Actor{Kind: KindSystem}
	case caller == nil:
		return Actor{Kind: KindAnonymous}
	case caller.Email == "":
		return Actor{Kind: KindService}
	}
	return User(caller.ID, caller.Email)
}
