package auth

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"portico.internal/modules/users"
	"portico.internal/platform/config"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/web"
)

// service lets people in.
type service struct {
	accounts users.Accounts
	tokens   *tokens
	throttle *throttle
	log      *slog.Logger
	proof    func() error // that the keys work
}

var _ identity.Authenticator = (*service)(nil)

func newService(c Config, accounts users.Accounts, t *tokens, log *slog.Logger) *service {
	return &service{accounts, t, newThrottle(c.LoginFailuresPerMinute), log, sync.OnceValue(t.prove)}
}

// tokensOf uses the configured keys, else those in the data directory.
func tokensOf(c Config, base config.Base) (*tokens, error) {
	var keys *keyPair
	var err error
	if c.hasKeys() {
		var faults keyFaults
		keys, faults = c.keys().parse()
		err = faults.any()
	} else {
		keys, err = keysIn(base.DataDir, generateKey)
	}
	if err != nil {
		return nil, err
	}
	return newTokens(keys, time.Duration(c.ExpireMinutes)*time.Minute), nil
}

// keysWork proves once that what is signed can be verified; the keys do not change.
func (s *service) keysWork(context.Context) error { return s.proof() }

func (t *tokens) prove() error {
	token, err := t.issue(uuid.Nil.String())
	if err != nil {
		return err
	}
	_, err = t.check(token)
	return err
}

// Authenticate returns the active user named by the bearer token. The token only proves who it is; what the user may do
// is asked of the accounts each time.
func (s *service) Authenticate(r *http.Request) (*identity.Caller, error) {
	token, err := bearerToken(r.Header)
	if err != nil {
		return nil, err
	}
	id, err := s.tokens.verify(token)
	if err != nil {
		return nil, errBadToken(err)
	}
	caller, err := s.accounts.Identity(r.Context(), id)
	if errs.KindOf(err) == errs.NotFound {
		return nil, errBadToken(err)
	}
	return caller, err
}

// login returns a token for the account. Whatever is wrong, the answer is the same; all attempts that are not throttled
// cost one hash.
func (s *service) login(ctx context.Context, username, password string) (string, error) {
	who := loginName(username)
	attempt, err := s.throttle.begin(ctx, who.key, clientAddr(ctx))
	if err != nil {
		if errs.KindOf(err) == errs.TooManyRequests {
			s.log.WarnContext(ctx, "login throttled", "email", who.email, "address", web.ClientAddr(ctx))
		}
		return "", err
	}
	failed := true
	defer func() { attempt.end(failed) }()
	id, ok, err := s.accounts.CheckPassword(ctx, username, password)
	switch {
	case err != nil:
		failed = ctx.Err() != nil // leaving before the answer costs as much as a wrong password
		return "", err
	case !ok:
		s.log.WarnContext(ctx, "login failed", "user_id", id, "email", who.email, "address", web.ClientAddr(ctx))
		return "", errs.New(errs.Unauthenticated, "Incorrect email or password")
	}
	failed = false
	s.log.InfoContext(ctx, "login", "user_id", id, "email", who.email, "address", web.ClientAddr(ctx))
	return s.tokens.issue(id)
}

func (s *service) register(ctx context.Context, r registration) (users.UserOut, error) {
	user, err := s.accounts.Register(ctx, r.Email, r.Password, r.FullName)
	if err == nil {
		s.log.InfoContext(ctx, "registered", "user_id", user.ID, "email", user.Email, "address", web.ClientAddr(ctx))
	}
	return user, err
}

// name is whom a login is for.
type name struct {
	key   string // the same for all spellings of an address
	email string // for the log; empty where it is not an address, for people type passwords into the wrong field
}

func loginName(username string) name {
	if email, err := users.CanonicalEmail(username); err == nil {
		return name{email, email}
	}
	return name{key: strings.ToLower(strings.TrimSpace(username))}
}

func clientAddr(ctx context.Context) netip.Addr {
	addr, _ := netip.ParseAddr(web.ClientAddr(ctx)) // without one all share a bucket
	return addr
}
