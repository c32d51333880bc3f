// Package secrets keeps secrets encrypted at rest: AES-256-GCM (NIST SP 800-38D) with a random nonce each time, under a
// key derived from the configured one (HKDF, RFC 5869). What can be stored is [Sealed], which never holds a plain text.
package secrets

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Errors of [Keyring.Open].
var (
	// ErrUnknownKey says that the key a secret was sealed with is not on the ring.
	ErrUnknownKey = errors.New("it was encrypted with a secret key that is not configured any more: store it again, or list that key in PORTICO_SECRET_KEY after the new one")
	// ErrDamaged says that a secret is not what was sealed, or not in the place it was sealed for.
	ErrDamaged = errors.New("its stored form is damaged: store it again")
)

// Keyring holds the configured keys. The first one seals, all of them open.
type Keyring struct {
	current string
	ciphers map[string]cipher.AEAD // by key id
}

const keySize = 32

// Parse makes a keyring of one or more keys of 32 bytes in standard base64, separated by commas or blanks. Its error is
// for the operator: it does not repeat a key.
func Parse(text string) (*Keyring, error) {
	list := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	if len(list) == 0 {
		return nil, errors.New("is empty; make one with: openssl rand -base64 32")
	}
	ring := &Keyring{ciphers: map[string]cipher.AEAD{}}
	for i, encoded := range list {
		which := ""
		if len(list) > 1 {
			which = fmt.Sprintf("key %d ", i+1)
		}
		key, err := base64.StdEncoding.DecodeString(encoded)
		switch {
		case err != nil:
			return nil, errors.New(which + "is not base64; make one with: openssl rand -base64 32")
		case len(key) != keySize:
			return nil, fmt.Errorf("%sholds %d bytes instead of %d; make one with: openssl rand -base64 32", which, len(key), keySize)
		}
		if err := ring.add(key); err != nil {
			return nil, err
		}
	}
	return ring, nil
}

func (k *Keyring) add(key []byte) error {
	id, err := hkdf.Key(sha256.New, key, nil, "portico secret key id", 8)
	if err != nil {
		return err
	}
	derived, err := hkdf.Key(sha256.New, key, nil, "portico secrets v1", keySize)
	if err != nil {
		return err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return err
	}
	name := hex.EncodeToString(id)
	if k.ciphers[name], err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return err
	}
	if k.current == "" {
		k.current = name
	}
	return nil
}

// Seal encrypts a secret for one place, such as a table, a row and a column: it opens nowhere else.
func (k *Keyring) Seal(plain, place string) Sealed {
	sealed := k.ciphers[k.current].Seal(nil, nil, []byte(plain), []byte(place))
	return Sealed{prefix + k.current + "." + base64.RawStdEncoding.EncodeToString(sealed)}
}

// Open decrypts a secret. It fails with [ErrUnknownKey] or [ErrDamaged].
func (k *Keyring) Open(s Sealed, place string) (string, error) {
	parts := form.FindStringSubmatch(s.text)
	if parts == nil {
		return "", ErrDamaged
	}
	aead := k.ciphers[parts[1]]
	if aead == nil {
		return "", ErrUnknownKey
	}
	raw, err := base64.RawStdEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		return "", ErrDamaged
	}
	plain, err := aead.Open(nil, nil, raw, []byte(place))
	if err != nil {
		return "", ErrDamaged
	}
	return string(plain), nil
}

// Current tells whether the secret is sealed with the first key.
func (k *Keyring) Current(s Sealed) bool { return strings.HasPrefix(s.text, prefix+k.current+".") }

// Hidden is what stands for a secret of which nothing may be shown.
const Hidden = "********"

const (
	tail    = 4  // characters that a mask shows
	minTail = 12 // of a secret that has at least so many
)

// Mask is what may be shown of a secret, so that a person knows which one it is: [Hidden], and the last four characters
// where there are twelve or more.
func Mask(plain string) string {
	if utf8.RuneCountInString(plain) < minTail {
		return Hidden
	}
	runes := []rune(plain)
	return Hidden + string(runes[len(runes)-tail:])
}
