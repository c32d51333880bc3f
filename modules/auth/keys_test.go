package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// ourKey and otherKey are made once for all tests of the package.
var (
	ourKey   = sync.OnceValue(mustGenerate)
	otherKey = sync.OnceValue(mustGenerate)
)

func mustGenerate() *rsa.PrivateKey {
	key, err := generateKey()
	if err != nil {
		panic(err)
	}
	return key
}

func ourPair() *keyPair { return &keyPair{ourKey(), &ourKey().PublicKey} }

func makeOurs() (*rsa.PrivateKey, error) { return ourKey(), nil }

func pemOf(blockType string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: blockType, Bytes: der}))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func privatePEM(key *rsa.PrivateKey) string { return string(must(encodePrivate(key))) }
func publicPEM(key *rsa.PrivateKey) string  { return string(must(encodePublic(&key.PublicKey))) }

func TestKeysOfEveryForm(t *testing.T) {
	key := ourKey()
	escaped := func(s string) string { return strings.ReplaceAll(s, "\n", `\n`) }
	for name, p := range map[string]keyPEM{
		"PKCS8 and PKIX":  {privatePEM(key), publicPEM(key)},
		"PKCS1":           {pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)), pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&key.PublicKey))},
		"literal newline": {escaped(privatePEM(key)), escaped(publicPEM(key))},
		"Windows lines":   {strings.ReplaceAll(privatePEM(key), "\n", "\r\n"), strings.ReplaceAll(publicPEM(key), "\n", `\r\n`)},
		"blanks around":   {"\n  " + privatePEM(key) + "  \n", " " + publicPEM(key)},
	} {
		pair, faults := p.parse()
		require.NoError(t, faults.any(), name)
		require.True(t, pair.private.Equal(key), name)
		require.True(t, pair.public.Equal(&key.PublicKey), name)
	}
}

func TestKeysRefused(t *testing.T) {
	key := ourKey()
	right := keyPEM{privatePEM(key), publicPEM(key)}
	short := must(rsa.GenerateKey(rand.Reader, 2048))
	curve := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	tiny := `-----BEGIN RSA PRIVATE KEY-----
MGECAQACEQDPXXXEBBmkNxwYVtfZmGaZAgMBAAECEGKRfBIiDMKeoXGCPCnZsMEC
CQD0ARhBy0UxNwIJANmY2nLBTUDvAgkApyQVWXVSK6sCCQCOPVlJqu+vdQIIfZeo
-----END RSA PRIVATE KEY-----`
	const private, public = "private", "public"
	for _, c := range []struct {
		name, half string
		keys       keyPEM
		says       string
	}{
		{"garbage private", private, keyPEM{"hunter2", right.public}, "is not PEM"},
		{"garbage public", public, keyPEM{right.private, "hunter2"}, "is not PEM"},
		{"damaged", private, keyPEM{pemOf("PRIVATE KEY", []byte("hunter2")), right.public}, "damaged"},
		{"damaged and tiny", private, keyPEM{tiny, right.public}, "damaged"},
		{"cut", private, keyPEM{right.private[:len(right.private)/2], right.public}, "is not PEM"},
		{"short private", private, keyPEM{privatePEM(short), right.public}, "has 2048 bits"},
		{"short public", public, keyPEM{right.private, publicPEM(short)}, "has 2048 bits"},
		{"mismatched", public, keyPEM{right.private, publicPEM(otherKey())}, "does not belong to the private key"},
		{"swapped private", private, keyPEM{right.public, right.private}, "holds a public key"},
		{"swapped public", public, keyPEM{right.public, right.private}, "holds a private key"},
		{"EC private", private, keyPEM{pemOf("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(curve))), right.public}, "is not an RSA key"},
		{"EC private in PKCS8", private, keyPEM{pemOf("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(curve))), right.public}, "is not an RSA key"},
		{"EC public", public, keyPEM{right.private, pemOf("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(&curve.PublicKey)))}, "is not an RSA key"},
		{"encrypted", private, keyPEM{pemOf("ENCRYPTED PRIVATE KEY", []byte("x")), right.public}, "passphrase"},
		{"certificate", public, keyPEM{right.private, pemOf("CERTIFICATE", []byte("x"))}, "certificate"},
		{"OpenSSH", private, keyPEM{pemOf("OPENSSH PRIVATE KEY", []byte("x")), right.public}, "another type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pair, faults := c.keys.parse()
			require.Nil(t, pair)
			fault := map[string]error{private: faults.private, public: faults.public}[c.half]
			require.ErrorContains(t, fault, c.says)
			requireOneLineWithout(t, fault, c.keys.private, c.keys.public)
		})
	}
}

// requireOneLineWithout checks that an error is one line that shows no line of the texts.
func requireOneLineWithout(t *testing.T, err error, secrets ...string) {
	t.Helper()
	require.NotContains(t, err.Error(), "\n")
	for _, secret := range secrets {
		for line := range strings.Lines(secret) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "-----") {
				require.NotContains(t, err.Error(), line)
			}
		}
	}
}

func TestGeneratedKeyIsWhole(t *testing.T) {
	key := ourKey()
	require.Equal(t, keyBits, key.N.BitLen())
	require.NoError(t, key.Validate())
	require.False(t, key.Equal(otherKey()))
}

func TestKeysInDirectory(t *testing.T) {
	dir := t.TempDir()
	first := must(keysIn(dir, makeOurs))
	again := must(keysIn(dir, makeOurs))
	require.True(t, first.private.Equal(again.private), "a second start keeps the keys")
	for _, name := range []string{privateFile, publicFile} {
		info := must(os.Stat(filepath.Join(dir, name)))
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), name)
	}
	content := must(os.ReadFile(filepath.Join(dir, publicFile)))
	require.Equal(t, string(must(encodePublic(first.public))), string(content))

	require.NoError(t, os.Remove(filepath.Join(dir, publicFile)))
	again = must(keysIn(dir, makeOurs))
	require.True(t, first.private.Equal(again.private), "the public half is derived")

	require.NoError(t, os.Remove(filepath.Join(dir, privateFile)))
	_, err := keysIn(dir, makeOurs)
	require.ErrorContains(t, err, privateFile+" is missing")
	requireOneLineWithout(t, err)
	require.NoFileExists(t, filepath.Join(dir, privateFile))
}

func TestKeysMadeAtOnceAreOnePair(t *testing.T) {
	dir := t.TempDir()
	pairs := make([]*keyPair, 8)
	var made sync.WaitGroup // all have one before any is written
	made.Add(len(pairs))
	var wg sync.WaitGroup
	for i := range pairs {
		wg.Go(func() {
			pairs[i] = must(keysIn(dir, func() (*rsa.PrivateKey, error) {
				made.Done()
				made.Wait()
				if i%2 == 0 {
					return otherKey(), nil
				}
				return ourKey(), nil
			}))
		})
	}
	wg.Wait()
	for _, p := range pairs {
		require.True(t, p.private.Equal(pairs[0].private))
		require.True(t, p.public.Equal(&p.private.PublicKey))
	}
}

func TestKeyFilesThatDoNotFit(t *testing.T) {
	write := func(t *testing.T, private, public string) string {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, privateFile), []byte(private), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, publicFile), []byte(public), 0o600))
		return dir
	}
	_, err := keysIn(write(t, "junk", publicPEM(ourKey())), makeOurs)
	require.ErrorContains(t, err, privateFile+" is not PEM")
	_, err = keysIn(write(t, privatePEM(ourKey()), publicPEM(otherKey())), makeOurs)
	require.ErrorContains(t, err, publicFile+" does not belong")
	requireOneLineWithout(t, err, privatePEM(ourKey()))
}

func TestWriteKeysNeverOverwrites(t *testing.T) {
	for _, taken := range []string{privateFile, publicFile} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, taken), []byte("precious"), 0o600))
		require.ErrorIs(t, writeKeys(dir, makeOurs), fs.ErrExist)
		require.Equal(t, "precious", string(must(os.ReadFile(filepath.Join(dir, taken)))))
		require.Len(t, must(os.ReadDir(dir)), 1, "nothing is written beside it")
	}
	dir := t.TempDir()
	require.NoError(t, writeKeys(dir, makeOurs))
	require.True(t, must(keysIn(dir, makeOurs)).private.Equal(ourKey()))
}

func BenchmarkGenerateKey(b *testing.B) {
	for b.Loop() {
		must(generateKey())
	}
}
