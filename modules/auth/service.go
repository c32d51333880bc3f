package auth

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"portico.internal/modules/users"
	"portico.internal/platform/audit"
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
	attempts *attempts
	db       *gorm.DB
	audit    *audit.Log
	log      *slog.Logger
	proof    func() error // that the keys work
}

var _ identity.Authenticator = (*service)(nil)

func newService(c Config, accounts users.Accounts, t *tokens, a *attempts, db *gorm.DB, l *audit.Log, log *slog.Logger) (*service, error) {
	secret, err := t.keys.secret("portico login throttle")
	if err != nil {
		return nil, err
	}
	return &service{accounts, t, newThrottle(c.LoginFailuresPerMinute, secret, db), a, db, l, log, sync.OnceValue(t.prove)}, nil
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
	token, err := t.issue(users.Session{UserID: uuid.Nil.String(), Since: time.Now()})
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
	g, err := s.tokens.verify(token)
	if err != nil {
		return nil, errBadToken(err)
	}
	caller, err := s.accounts.Identity(r.Context(), g.userID, g.issued)
	return caller, ended(err)
}

// login returns a token for the account. Whatever is wrong, the answer is the same; all attempts that are not throttled
// cost one hash.
func (s *service) login(ctx context.Context, username, password string) (*accessToken, error) {
	who := loginName(username)
	var session users.Session
	event := func() audit.Event {
		return audit.Event{Action: "auth.login", Target: account(session.UserID, who.email), Failure: session.Refused}
	}
	ok, err := s.attempt(ctx, who, event, func(a *attempt) (ok bool, err error) {
		session, ok, err = s.accounts.SignIn(ctx, username, password, func(tx *gorm.DB, begun users.Session) error {
			if err := a.allowed(tx); err != nil { // other replicas may have counted failures while this one looked at the password
				return err
			}
			return s.audit.Record(audit.As(ctx, audit.User(begun.UserID, who.email)), tx,
				audit.Event{Action: "auth.login", Target: account(begun.UserID, who.email)})
		})
		return ok, err
	})
	switch {
	case err != nil:
		return nil, err
	case !ok:
		s.log.WarnContext(ctx, "login failed", "user_id", session.UserID, "email", who.email, "address", web.ClientAddr(ctx))
		return nil, errs.New(errs.Unauthenticated, "Incorrect email or password")
	}
	s.log.InfoContext(ctx, "login", "user_id", session.UserID, "email", who.email, "address", web.ClientAddr(ctx))
	return s.grant(session)
}

// account is one as the audit log names it.
func account(id, email string) audit.Target { return audit.Target{Type: "user", ID: id, Name: email} }

// attempt lets somebody try a password, unless they have failed too often. A failure is recorded as the event says then.
func (s *service) attempt(ctx context.Context, who name, event func() audit.Event, try func(*attempt) (right bool, err error)) (right bool, err error) {
	defer func() {
		s.attempts.count(right, err)
		if errs.KindOf(err) == errs.TooManyRequests {
			s.log.WarnContext(ctx, "login throttled", "email", who.email, "address", web.ClientAddr(ctx))
		}
	}()
	failure := func(reason string) func(tx *gorm.DB) error {
		return func(tx *gorm.DB) error {
			e := event()
			e.Failure = cmp.Or(reason, e.Failure, "ended before the answer")
			return s.audit.Record(ctx, tx, e)
		}
	}
	a, err := s.throttle.begin(ctx, who.key, clientAddr(ctx))
	defer func() {
		if errs.KindOf(err) == errs.TooManyRequests {
			err = cmp.Or(a.refused(ctx, failure("throttled")), err)
		}
	}()
	if err != nil {
		return false, err
	}
	defer func() { a.leave(err) }()
	failed := true // also when it panics
	defer func() {
		if failed {
			err = cmp.Or(err, a.fail(ctx, failure("")))
		}
	}()
	right, err = try(a)
	failed = !right
	if err != nil {
		failed = ctx.Err() != nil // leaving before the answer costs as much as a wrong password
	}
	return right, err
}

// changePassword asks for the current password as a login does, for the session may be in other hands.
func (s *service) changePassword(ctx context.Context, by *identity.Caller, current, password string) (*accessToken, error) {
	var session users.Session
	event := func() audit.Event {
		return audit.Event{Action: "user.password_changed", Target: account(by.ID, by.Email), Failure: "wrong password"}
	}
	ok, err := s.attempt(ctx, loginName(by.Email), event, func(*attempt) (ok bool, err error) {
		session, ok, err = s.accounts.ChangePassword(ctx, by, current, password)
		return ok, err
	})
	switch {
	case err != nil:
		return nil, ended(err)
	case !ok:
		s.log.WarnContext(ctx, "password change failed", "user_id", by.ID, "address", web.ClientAddr(ctx))
		return nil, errs.New(errs.BadRequest, "Current password is incorrect")
	}
	return s.goOn(ctx, "password changed", session)
}

// resetPassword lets in whoever an administrator gave the token to.
func (s *service) resetPassword(ctx context.Context, token, password string) (*accessToken, error) {
	session, err := s.accounts.ResetPassword(ctx, token, password)
	switch {
	case errs.KindOf(err) == errs.BadRequest:
		s.log.WarnContext(ctx, "password reset failed", "address", web.ClientAddr(ctx))
		return nil, err
	case err != nil:
		return nil, err
	}
	return s.goOn(ctx, "password reset", session)
}

// logoutAll ends every session of the caller; the one that asks goes on with another token.
func (s *service) logoutAll(ctx context.Context, by *identity.Caller) (*accessToken, error) {
	session, err := s.accounts.EndSessions(ctx, by)
	if err != nil {
		return nil, ended(err)
	}
	return s.goOn(ctx, "sessions ended", session)
}

// goOn tells that all sessions but this one have ended, and why.
func (s *service) goOn(ctx context.Context, why string, session users.Session) (*accessToken, error) {
	s.log.InfoContext(ctx, why, "user_id", session.UserID, "address", web.ClientAddr(ctx))
	return s.grant(session)
}

func (s *service) grant(session users.Session) (*accessToken, error) {
	token, err := s.tokens.issue(session)
	if err != nil {
		return nil, err
	}
	return &accessToken{token, "bearer"}, nil
}

// ended says of a caller whose session has ended since the request came in what any later request will hear.
func ended(err error) error {
	if errs.KindOf(err) == errs.NotFound {
		return errBadToken(err)
	}
	return err
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
