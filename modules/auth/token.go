package auth

import (
	"crypto/sha256"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"portico.internal/modules/users"
)

const (
	maxLifetime   = 8 * time.Hour
	leeway        = 2 * time.Second // of a clock that issued a token ahead of ours
	maxTokenBytes = 8 << 10         // one of a 16384-bit key has less than 4 KiB
	maxVerified   = 1 << 15         // tokens remembered, about 200 bytes each
)

// tokens issues and verifies access tokens: JWT (RFC 7519) signed with RS256, the claims exactly sub, exp and iat.
type tokens struct {
	keys     *keyPair
	lifetime time.Duration
	parser   *jwt.Parser
	verified *otter.Cache[[sha256.Size]byte, grant] // by hash, so that no usable token lies in memory
}

// grant is what a verified token says.
type grant struct {
	userID  string
	issued  time.Time // in whole seconds
	expires float64   // seconds since 1970
}

func newTokens(keys *keyPair, lifetime time.Duration) *tokens {
	return &tokens{
		keys:     keys,
		lifetime: lifetime,
		parser:   jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation()),
		verified: otter.Must(&otter.Options[[sha256.Size]byte, grant]{MaximumSize: maxVerified}),
	}
}

// issue returns a token for the session, valid for the configured lifetime from when that began.
func (t *tokens) issue(s users.Session) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"sub": s.UserID,
		"iat": s.Since.Unix(),
		"exp": s.Since.Add(t.lifetime).Unix(),
	}).SignedString(t.keys.private)
}

// verify returns what a token says. A token that was verified once is remembered until it expires, since
// its signature cannot become wrong; one that is refused is checked anew each time.
func (t *tokens) verify(token string) (g grant, err error) {
	if len(token) > maxTokenBytes {
		return grant{}, errors.New("token is too long")
	}
	var buffer [1 << 10]byte // on the stack, with room for a token of a 4096-bit key
	hash := sha256.Sum256(append(buffer[:0], token...))
	g, known := t.verified.GetIfPresent(hash)
	if !known {
		if g, err = t.check(token); err != nil {
			return grant{}, err
		}
	}
	if seconds(time.Now()) >= g.expires {
		return grant{}, jwt.ErrTokenExpired
	}
	if !known {
		t.verified.Set(hash, g)
	}
	return g, nil
}

// check verifies all of a token but whether it has expired by now.
func (t *tokens) check(token string) (grant, error) {
	if strings.ContainsAny(token, "\r\n") { // which encoding/base64 skips even when strict
		return grant{}, jwt.ErrTokenMalformed
	}
	claims := jwt.MapClaims{}
	parsed, err := t.parser.ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return t.keys.public, nil })
	if err != nil {
		return grant{}, err
	}
	if _, critical := parsed.Header["crit"]; critical { // RFC 7515, 4.1.11: extensions not understood must be refused
		return grant{}, errors.New("token has critical extensions")
	}
	return read(claims)
}

// read takes the claims apart. Of those beyond sub, exp and iat it honours nbf and aud, as RFC 7519 asks of every
// reader, and ignores the rest.
func read(claims jwt.MapClaims) (grant, error) {
	latest := seconds(time.Now().Add(leeway))
	expires, hasExp := claims["exp"].(float64)
	issued, hasIat := claims["iat"].(float64)
	subject, _ := claims["sub"].(string)
	notBefore, hasNbf := claims["nbf"]
	_, hasAud := claims["aud"]
	switch {
	case !hasExp || !hasIat:
		return grant{}, errors.New("token lacks exp or iat")
	case issued > latest:
		return grant{}, jwt.ErrTokenUsedBeforeIssued
	case expires-issued > maxLifetime.Seconds():
		return grant{}, errors.New("token lives longer than 8 h")
	case hasAud:
		return grant{}, jwt.ErrTokenInvalidAudience
	}
	if hasNbf {
		if from, ok := notBefore.(float64); !ok || from > latest {
			return grant{}, jwt.ErrTokenNotValidYet
		}
	}
	if id, err := uuid.Parse(subject); err != nil || id.String() != subject {
		return grant{}, jwt.ErrTokenInvalidSubject
	}
	return grant{subject, time.Unix(int64(math.Floor(issued)), 0), expires}, nil
}

func seconds(t time.Time) float64 { return float64(t.UnixMicro()) / 1e6 }
