// Package alembictest has what a FastAPI backend leaves behind for Portico to take over: databases as its Alembic and its
// models have made them on PostgreSQL, at each revision, with people in them, and their tokens. All of it is recorded from
// the real Alembic, SQLAlchemy, bcrypt and python-jose by scripts/alembic/fixtures.py.
package alembictest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"embed"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/migrations"
	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/migrate"
	"portico.internal/platform/testkit"
)

//go:embed testdata
var recorded embed.FS

// Chain is the revisions of the backend, oldest first.
func Chain(t testing.TB) []migrate.Link {
	t.Helper()
	chain, err := migrate.ParseChain(migrations.Chain)
	require.NoError(t, err)
	return chain[:6]
}

func read(t testing.TB, name string) string {
	t.Helper()
	content, err := recorded.ReadFile("testdata/" + name)
	require.NoError(t, err)
	return string(content)
}

// At makes a database as the backend has left it at the revision: made at the first one, lived in, and upgraded since.
func At(t testing.TB, revision string) testkit.Database {
	t.Helper()
	d := testkit.Prepared(nil).Postgres(t)
	chain := Chain(t)
	last := slices.IndexFunc(chain, func(link migrate.Link) bool { return link.Revision == revision })
	require.GreaterOrEqual(t, last, 0, revision)
	for _, link := range chain[:last+1] {
		d.Script(t, read(t, link.Revision+".sql"))
	}
	return d
}

// Says makes Alembic say that it is at the revision.
func Says(t testing.TB, d testkit.Database, revision string) {
	t.Helper()
	d.Script(t, "UPDATE alembic_version SET version_num = '"+revision+"'")
}

// Return is a day of the backend of that revision after the way back. It makes Katherine.Johnson@example.com and
// mary@example.com, whose password is [Newcomers], a group Orbits from the third revision on, and removes somebody.
func Return(t testing.TB, d testkit.Database, revision string) {
	t.Helper()
	d.Script(t, read(t, revision+".back.sql"))
}

// Newcomers is the password of the accounts that [Return] makes.
const Newcomers = "Orbital&Mechanics62"

// Person is an account of the backend.
type Person struct{ ID, Email, Password string }

// People are who is there, in the order in which they came. The first one is the administrator, two differ by case alone,
// and the last one is inactive.
func People(t testing.TB) []Person {
	t.Helper()
	var list []Person
	require.NoError(t, json.Unmarshal([]byte(read(t, "people.json")), &list))
	return list
}

// Recorded is a token that python-jose has made with the key of gatewaytest. It has expired.
func Recorded(t testing.TB) string {
	t.Helper()
	return read(t, "token.txt")
}

// Token makes a token as python-jose does, to the byte: see [Recorded].
func Token(t testing.TB, sub string, issued time.Time, lifetime time.Duration) string {
	t.Helper()
	block, _ := pem.Decode([]byte(gatewaytest.PrivateKey))
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	claims := fmt.Sprintf(`{"sub":%q,"exp":%d,"iat":%d}`, sub, issued.Add(lifetime).Unix(), issued.Unix())
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims))
	hash := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(rand.Reader, key.(*rsa.PrivateKey), crypto.SHA256, hash[:])
	require.NoError(t, err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

var alembicVersion = regexp.MustCompile(`(?s)CREATE TABLE alembic_version \(.*?\n\);\n`)

// Schema describes all tables but Alembic's own.
func Schema(t testing.TB, d testkit.Database) string {
	t.Helper()
	schema, err := migrate.Schema(t.Context(), d.Open(t))
	require.NoError(t, err)
	return alembicVersion.ReplaceAllString(schema, "")
}
