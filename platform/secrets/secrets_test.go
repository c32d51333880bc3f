package secrets_test

import (
	"crypto/rand"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/secrets"
)

func newKey() string {
	var b [32]byte
	_, _ = rand.Read(b[:])
	return base64.StdEncoding.EncodeToString(b[:])
}

func parse(t *testing.T, text string) *secrets.Keyring {
	t.Helper()
	ring, err := secrets.Parse(text)
	require.NoError(t, err)
	return ring
}

// stored is a sealed secret as a database has it.
func stored(t *testing.T, s secrets.Sealed) string {
	t.Helper()
	value, err := s.Value()
	require.NoError(t, err)
	return value.(string)
}

// read is a sealed secret as it comes from a database.
func read(t *testing.T, text string) (s secrets.Sealed) {
	t.Helper()
	require.NoError(t, s.Scan(text))
	return s
}

func TestWhatIsSealedOpens(t *testing.T) {
	ring := parse(t, newKey())
	for _, plain := range []string{"", "x", "sk-0123456789", "p\u00e4ss \U0001f511\x00\xff\n", strings.Repeat("long ", 10_000)} {
		sealed := ring.Seal(plain, "place")
		require.False(t, sealed.IsZero(), "an empty secret is one, too")
		text := stored(t, sealed)
		require.Regexp(t, `^v1\.[0-9a-f]{16}\.[A-Za-z0-9+/]+$`, text)
		for _, s := range []secrets.Sealed{sealed, read(t, text)} {
			got, err := ring.Open(s, "place")
			require.NoError(t, err)
			require.Equal(t, plain, got)
		}
		require.NotEqual(t, text, stored(t, ring.Seal(plain, "place")), "the same secret is sealed differently each time")
		if len(plain) > 3 {
			raw, err := base64.RawStdEncoding.DecodeString(text[len("v1.")+17:])
			require.NoError(t, err)
			require.NotContains(t, string(raw), plain)
		}
	}
}

func TestNothingElseOpens(t *testing.T) {
	ring := parse(t, newKey())
	sealed := ring.Seal("a secret of some length", "settings/ai/api_key")
	for _, place := range []string{"", "settings/ai/api_key ", "settings/ai/api_ke", "settings/AI/api_key", "settings/ai/other_key"} {
		plain, err := ring.Open(sealed, place)
		require.ErrorIs(t, err, secrets.ErrDamaged, place)
		require.Empty(t, plain)
	}
	_, err := parse(t, newKey()).Open(sealed, "settings/ai/api_key")
	require.ErrorIs(t, err, secrets.ErrUnknownKey)

	text := stored(t, sealed)
	refuses := func(changed string) {
		t.Helper()
		var s secrets.Sealed
		if s.Scan(changed) != nil {
			return
		}
		plain, err := ring.Open(s, "settings/ai/api_key")
		require.Error(t, err, changed)
		require.Empty(t, plain)
		if err.Error() != secrets.ErrUnknownKey.Error() {
			require.ErrorIs(t, err, secrets.ErrDamaged)
		}
		require.NotContains(t, err.Error(), text[20:])
	}
	for i := range text {
		for b := range 256 {
			if byte(b) != text[i] {
				refuses(text[:i] + string([]byte{byte(b)}) + text[i+1:])
			}
		}
		refuses(text[:i])
		refuses(text[:i] + text[i+1:])
		refuses(text[:i] + "\n" + text[i:])
	}
	refuses(text + "A")
	refuses(text + "=")
	refuses(text + "\n")
}

// The length of the last group decides how many bits of base64 are left over; none of them may be free.
func TestSpareBitsAreNotFree(t *testing.T) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	ring := parse(t, newKey())
	for _, plain := range []string{"12345678901", "123456789012", "1234567890123"} {
		text := stored(t, ring.Seal(plain, ""))
		for _, last := range alphabet {
			if other := text[:len(text)-1] + string(last); other != text {
				_, err := ring.Open(read(t, other), "")
				require.ErrorIs(t, err, secrets.ErrDamaged)
			}
		}
	}
}

func TestOlderKeysOpenAndTheFirstSeals(t *testing.T) {
	a, b := newKey(), newKey()
	old, both, back, alone := parse(t, a), parse(t, b+","+a), parse(t, a+" "+b), parse(t, b)
	sealed := old.Seal("secret", "place")
	require.True(t, old.Current(sealed))
	require.False(t, both.Current(sealed))
	require.True(t, back.Current(sealed))
	plain, err := both.Open(sealed, "place")
	require.NoError(t, err)
	require.Equal(t, "secret", plain)

	renewed := both.Seal("secret", "place")
	require.True(t, both.Current(renewed))
	require.True(t, alone.Current(renewed))
	require.False(t, old.Current(renewed))
	_, err = alone.Open(sealed, "place")
	require.ErrorIs(t, err, secrets.ErrUnknownKey)
	plain, err = alone.Open(renewed, "place")
	require.NoError(t, err)
	require.Equal(t, "secret", plain)
	require.False(t, both.Current(secrets.Sealed{}))
}

func TestParse(t *testing.T) {
	a, b, c := newKey(), newKey(), newKey()
	for _, list := range []string{a, a + "\n", " " + a + " ", a + "," + b, a + ", " + b, a + "\n" + b + "\r\n" + c + "\t", "," + a + ",," + b + ",", a + "," + a} {
		require.True(t, parse(t, list).Current(parse(t, a).Seal("x", "")), "%q begins with the first key", list)
	}
	short, long := base64.StdEncoding.EncodeToString([]byte("c4n4ry-w0rd")), base64.StdEncoding.EncodeToString([]byte(strings.Repeat("c4n4ry-w0rd", 3)))
	for text, want := range map[string]string{
		"":                                 "is empty; make one with: openssl rand -base64 32",
		" , \n":                            "is empty; make one with: openssl rand -base64 32",
		"c4n4ry-w0rd":                      "is not base64; make one with: openssl rand -base64 32",
		strings.TrimRight(a, "="):          "is not base64; make one with: openssl rand -base64 32",
		a + ";" + b:                        "is not base64; make one with: openssl rand -base64 32",
		short:                              "holds 11 bytes instead of 32; make one with: openssl rand -base64 32",
		long:                               "holds 33 bytes instead of 32; make one with: openssl rand -base64 32",
		a + "," + short:                    "key 2 holds 11 bytes instead of 32; make one with: openssl rand -base64 32",
		"c4n4ry-w0rd," + a:                 "key 1 is not base64; make one with: openssl rand -base64 32",
		a + "," + b + ", c4n4ry-w0rd," + c: "key 3 is not base64; make one with: openssl rand -base64 32",
	} {
		_, err := secrets.Parse(text)
		require.EqualError(t, err, want, "%q", text)
		for _, secret := range []string{"c4n4ry", "YzRuNHJ5", a[:20], b[:20]} {
			require.NotContains(t, err.Error(), secret)
		}
	}
}

func TestMask(t *testing.T) {
	for plain, want := range map[string]string{
		"":                                "********",
		"short":                           "********",
		"12345678901":                     "********",
		"123456789012":                    "********9012",
		"sk-ant-0123456789":               "********6789",
		strings.Repeat("\u00fc", 11):      "********",
		strings.Repeat("\u00fc", 12):      "********\u00fc\u00fc\u00fc\u00fc",
		"12345678\U0001f511\u00e9\u4e16z": "********\U0001f511\u00e9\u4e16z",
		"\U0001f511\U0001f511\U0001f511":  "********", // 12 bytes
		strings.Repeat("\xff", 11):        "********",
		"1234567890\xff\xff":              "********90\ufffd\ufffd",
	} {
		require.Equal(t, want, secrets.Mask(plain), "%q", plain)
	}
	require.Equal(t, "********", secrets.Hidden)
}
