package auth

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"portico.internal/modules/users"
)

const someID = "3f2c1d8e-5b7a-4c6d-9e0f-1a2b3c4d5e6f"

// justNow is a session of somebody.
func justNow() users.Session { return users.Session{UserID: someID, Since: time.Now()} }

const rs256 = `{"alg":"RS256","typ":"JWT"}`

var b64 = base64.RawURLEncoding

// sign makes a token by hand, without the library that reads it.
func sign(key *rsa.PrivateKey, header, claims string) string {
	text := b64.EncodeToString([]byte(header)) + "." + b64.EncodeToString([]byte(claims))
	hash := sha256.Sum256([]byte(text))
	return text + "." + b64.EncodeToString(must(rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, hash[:])))
}

// pythonClaims are as python-jose and PyJWT write them.
func pythonClaims(sub string, issued time.Time, lifetime time.Duration) string {
	return fmt.Sprintf(`{"sub":%q,"exp":%d,"iat":%d}`, sub, issued.Add(lifetime).Unix(), issued.Unix())
}

func TestIssuedToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := newTokens(ourPair(), 480*time.Minute)
		token := must(tokens.issue(justNow()))
		parts := strings.Split(token, ".")
		require.Len(t, parts, 3)
		require.Equal(t, rs256, string(must(b64.DecodeString(parts[0]))))

		decoder := json.NewDecoder(strings.NewReader(string(must(b64.DecodeString(parts[1])))))
		decoder.UseNumber()
		var claims map[string]any
		require.NoError(t, decoder.Decode(&claims))
		now := time.Now().Unix()
		require.Equal(t, map[string]any{
			"sub": someID,
			"iat": json.Number(fmt.Sprint(now)),
			"exp": json.Number(fmt.Sprint(now + 8*60*60)),
		}, claims)

		hash := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
		require.NoError(t, rsa.VerifyPKCS1v15(&ourKey().PublicKey, crypto.SHA256, hash[:], must(b64.DecodeString(parts[2]))))
		require.Equal(t, someID, must(tokens.verify(token)).userID)
	})
}

func TestTokenIsGoodUntilItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := newTokens(ourPair(), time.Minute)
		token := must(tokens.issue(justNow()))
		for range 2 { // the second time from memory
			require.Equal(t, someID, must(tokens.verify(token)).userID)
		}
		time.Sleep(time.Minute - time.Nanosecond)
		require.Equal(t, someID, must(tokens.verify(token)).userID)
		time.Sleep(time.Nanosecond)
		_, err := tokens.verify(token)
		require.Error(t, err, "remembered")
		_, err = newTokens(ourPair(), time.Minute).verify(token)
		require.Error(t, err, "seen for the first time")
	})
}

func TestTokensAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		good := pythonClaims(someID, now, 480*time.Minute)
		for name, token := range map[string]string{
			"FastAPI":                  sign(ourKey(), rs256, good),
			"keys in another order":    sign(ourKey(), `{"typ":"JWT","alg":"RS256"}`, fmt.Sprintf(`{"iat":%d,"exp":%d,"sub":%q}`, now.Unix(), now.Unix()+60, someID)),
			"blanks in JSON":           sign(ourKey(), `{ "alg": "RS256", "typ": "JWT" }`, strings.ReplaceAll(good, ",", ", ")),
			"no typ":                   sign(ourKey(), `{"alg":"RS256"}`, good),
			"iat ahead by 2 s":         sign(ourKey(), rs256, pythonClaims(someID, now.Add(2*time.Second), time.Hour)),
			"claims nobody asked for":  sign(ourKey(), rs256, strings.Replace(good, "{", `{"is_admin":true,"jti":"x","nbf":1,`, 1)),
			"times with a fraction":    sign(ourKey(), rs256, fmt.Sprintf(`{"sub":%q,"exp":%d.5,"iat":%d.25}`, someID, now.Unix()+60, now.Unix())),
			"about to expire":          sign(ourKey(), rs256, pythonClaims(someID, now.Add(-time.Hour), time.Hour+time.Second)),
			"lifetime of exactly 8 h ": sign(ourKey(), rs256, pythonClaims(someID, now, 8*time.Hour)),
		} {
			g, err := newTokens(ourPair(), time.Hour).verify(token)
			require.NoError(t, err, name)
			require.Equal(t, someID, g.userID, name)
			require.Zero(t, g.issued.Nanosecond(), name)
		}
	})
}

func TestTokensRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		good := pythonClaims(someID, now, time.Hour)
		token := sign(ourKey(), rs256, good)
		parts := strings.Split(token, ".")
		claims := func(format string, args ...any) string { return sign(ourKey(), rs256, fmt.Sprintf(format, args...)) }
		subject := func(sub string) string { return sign(ourKey(), rs256, pythonClaims(sub, now, time.Hour)) }
		text := parts[0] + "." + parts[1]
		for name, bad := range map[string]string{
			"empty":                 "",
			"garbage":               "garbage",
			"dots":                  "..",
			"two parts":             text,
			"four parts":            token + ".x",
			"no signature":          text + ".",
			"unsecured":             b64.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + ".",
			"unsecured, signed":     sign(ourKey(), `{"alg":"none"}`, good),
			"HS256 with public key": hs256(publicPEM(ourKey()), good),
			"alg HS256, RSA signed": sign(ourKey(), `{"alg":"HS256"}`, good),
			"RS512":                 must(jwt.NewWithClaims(jwt.SigningMethodRS512, jwt.MapClaims{"sub": someID, "iat": now.Unix(), "exp": now.Unix() + 60}).SignedString(ourKey())),
			"PS256":                 must(jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.MapClaims{"sub": someID, "iat": now.Unix(), "exp": now.Unix() + 60}).SignedString(ourKey())),
			"alg in lower case":     sign(ourKey(), `{"alg":"rs256"}`, good),
			"no alg":                sign(ourKey(), `{"typ":"JWT"}`, good),
			"alg not a text":        sign(ourKey(), `{"alg":["RS256"]}`, good),
			"crit":                  sign(ourKey(), `{"alg":"RS256","crit":["exp"]}`, good),
			"crit, null":            sign(ourKey(), `{"alg":"RS256","crit":null}`, good),
			"other key":             sign(otherKey(), rs256, good),
			"other claims":          parts[0] + "." + b64.EncodeToString([]byte(pythonClaims(someID, now, 2*time.Hour))) + "." + parts[2],
			"last base64 character": token[:len(token)-1] + lastBitFlipped(token[len(token)-1]),
			"line break in base64":  token[:len(token)-20] + "\n" + token[len(token)-20:],
			"return in base64":      token[:20] + "\r" + token[20:],
			"blank in base64":       token[:20] + " " + token[20:],
			"padding":               token + "==",
			"standard alphabet":     text + "." + base64.RawStdEncoding.EncodeToString(must(b64.DecodeString(parts[2]))),
			"too long":              sign(ourKey(), rs256, strings.Replace(good, "{", `{"x":"`+strings.Repeat("x", maxTokenBytes)+`",`, 1)),
			"expired":               sign(ourKey(), rs256, pythonClaims(someID, now.Add(-time.Hour), time.Hour)),
			"iat ahead by 3 s":      sign(ourKey(), rs256, pythonClaims(someID, now.Add(3*time.Second), time.Hour)),
			"lives over 8 h":        sign(ourKey(), rs256, pythonClaims(someID, now, 8*time.Hour+time.Second)),
			"lived over 8 h":        sign(ourKey(), rs256, pythonClaims(someID, now.Add(-23*time.Hour), 24*time.Hour)),
			"no exp":                claims(`{"sub":%q,"iat":%d}`, someID, now.Unix()),
			"null exp":              claims(`{"sub":%q,"iat":%d,"exp":null}`, someID, now.Unix()),
			"exp as text":           claims(`{"sub":%q,"iat":%d,"exp":"%d"}`, someID, now.Unix(), now.Unix()+60),
			"exp in capitals":       claims(`{"sub":%q,"iat":%d,"EXP":%d}`, someID, now.Unix(), now.Unix()+60),
			"exp beyond numbers":    claims(`{"sub":%q,"iat":%d,"exp":1e999}`, someID, now.Unix()),
			"no iat":                claims(`{"sub":%q,"exp":%d}`, someID, now.Unix()+60),
			"iat as text":           claims(`{"sub":%q,"iat":"%d","exp":%d}`, someID, now.Unix(), now.Unix()+60),
			"not valid yet":         sign(ourKey(), rs256, strings.Replace(good, "{", fmt.Sprintf(`{"nbf":%d,`, now.Unix()+60), 1)),
			"for somebody else":     sign(ourKey(), rs256, strings.Replace(good, "{", `{"aud":"mail",`, 1)),
			"no sub":                claims(`{"iat":%d,"exp":%d}`, now.Unix(), now.Unix()+60),
			"sub not a text":        claims(`{"sub":1,"iat":%d,"exp":%d}`, now.Unix(), now.Unix()+60),
			"sub an e-mail":         subject("user@example.com"),
			"sub in capitals":       subject(strings.ToUpper(someID)),
			"sub in braces":         subject("{" + someID + "}"),
			"sub as URN":            subject("urn:uuid:" + someID),
			"sub without hyphens":   subject(strings.ReplaceAll(someID, "-", "")),
			"claims not an object":  sign(ourKey(), rs256, `["sub"]`),
			"claims null":           sign(ourKey(), rs256, `null`),
			"claims and more":       sign(ourKey(), rs256, good+`{}`),
			"header null":           sign(ourKey(), `null`, good),
		} {
			tokens := newTokens(ourPair(), time.Hour)
			for range 2 {
				_, err := tokens.verify(bad)
				require.Error(t, err, name)
			}
			require.Zero(t, tokens.verified.EstimatedSize(), "%s: only good tokens are remembered", name)
		}
		require.Equal(t, someID, must(newTokens(ourPair(), time.Hour).verify(token)).userID, "the token they were made from is good")
	})
}

// lastBitFlipped changes the bits of a last character that say nothing: 512 bytes leave four of them unused.
func lastBitFlipped(c byte) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(alphabet[strings.IndexByte(alphabet, c)^1])
}

func hs256(secret, claims string) string {
	text := b64.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b64.EncodeToString([]byte(claims))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + b64.EncodeToString(mac.Sum(nil))
}

func BenchmarkVerify(b *testing.B) {
	tokens := newTokens(ourPair(), time.Hour)
	token := must(tokens.issue(justNow()))
	b.Run("cached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must(tokens.verify(token))
		}
	})
	b.Run("uncached", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must(tokens.check(token))
		}
	})
	b.Run("issue", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			must(tokens.issue(justNow()))
		}
	})
}
