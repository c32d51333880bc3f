package auth

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// keyBits is the size of a pair made here, and the least that is accepted.
const keyBits = 4096

// keyPair signs and verifies tokens.
type keyPair struct {
	private *rsa.PrivateKey
	public  *rsa.PublicKey
}

// secret returns 32 bytes for a purpose of its own, which only whoever has the private key can know (HKDF, RFC 5869). All
// replicas have it: else none would take the tokens of another.
func (p *keyPair) secret(purpose string) ([]byte, error) {
	return hkdf.Key(sha256.New, x509.MarshalPKCS1PrivateKey(p.private), nil, purpose, 32)
}

// keyPEM is the text form of a pair.
type keyPEM struct{ private, public string }

// keyFaults says what is wrong with each half, nil where it is right. The texts tell the remedy and never show key material.
type keyFaults struct{ private, public error }

func (f keyFaults) any() error { return errors.Join(f.private, f.public) }

// parse reads a pair in PEM, or PEM with literal \n as it comes out of an environment file: PKCS #1 or PKCS #8 for the
// private half, PKCS #1 or PKIX for the public one.
func (p keyPEM) parse() (*keyPair, keyFaults) {
	var pair keyPair
	var faults keyFaults
	pair.private, faults.private = parsePrivate(p.private)
	pair.public, faults.public = parsePublic(p.public)
	if faults.any() == nil && !pair.private.PublicKey.Equal(pair.public) {
		faults.public = errors.New("does not belong to the private key; give the two halves of one pair")
	}
	if faults.any() != nil {
		return nil, faults
	}
	return &pair, faults
}

func parsePrivate(text string) (*rsa.PrivateKey, error) {
	block, err := decodePEM(text)
	if err != nil {
		return nil, err
	}
	var parsed any
	switch block.Type {
	case "RSA PRIVATE KEY":
		parsed, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PUBLIC KEY", "PUBLIC KEY":
		return nil, errors.New("holds a public key; give the private one here")
	default:
		return nil, unusable(block, "PRIVATE KEY")
	}
	if err != nil {
		return nil, errDamaged
	}
	key, ok := parsed.(*rsa.PrivateKey)
	if !ok {
		return nil, errNotRSA
	}
	return key, longEnough(&key.PublicKey)
}

func parsePublic(text string) (*rsa.PublicKey, error) {
	block, err := decodePEM(text)
	if err != nil {
		return nil, err
	}
	var parsed any
	switch block.Type {
	case "RSA PUBLIC KEY":
		parsed, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "PUBLIC KEY":
		parsed, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PRIVATE KEY", "PRIVATE KEY":
		return nil, errors.New("holds a private key; give the public one here")
	default:
		return nil, unusable(block, "PUBLIC KEY")
	}
	if err != nil {
		return nil, errDamaged
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, errNotRSA
	}
	return key, longEnough(key)
}

var (
	errDamaged = errors.New("is PEM with a damaged key inside; copy it again, whole")
	errNotRSA  = fmt.Errorf("is not an RSA key; tokens are signed with RS256, which needs RSA of %d bits: make a pair with portico keys generate", keyBits)
)

func decodePEM(text string) (*pem.Block, error) {
	if text == "" {
		return nil, errors.New("is missing beside the other half of the pair; set both, or none to have a pair made in data_dir")
	}
	text = strings.NewReplacer(`\r`, "", `\n`, "\n").Replace(text)
	block, _ := pem.Decode([]byte(strings.TrimSpace(text)))
	if block == nil {
		return nil, errors.New("is not PEM (-----BEGIN ... -----END ...); make a pair with portico keys generate")
	}
	return block, nil
}

// unusable says why a block of another type than the wanted one is refused.
func unusable(block *pem.Block, wanted string) error {
	switch block.Type {
	case "EC PRIVATE KEY", "EC PARAMETERS":
		return errNotRSA
	case "ENCRYPTED PRIVATE KEY":
		return errors.New("is encrypted; give it without a passphrase: openssl pkey -in FILE")
	case "CERTIFICATE":
		return errors.New("holds a certificate; take the key out: openssl x509 -pubkey -noout -in FILE")
	}
	return fmt.Errorf("is PEM of another type than %s; make a pair with portico keys generate", wanted)
}

func longEnough(key *rsa.PublicKey) error {
	if n := key.N.BitLen(); n < keyBits {
		return fmt.Errorf("has %d bits, %d or more are needed; make a pair with portico keys generate", n, keyBits)
	}
	return nil
}

// encodePrivate writes a private key in PKCS #8.
func encodePrivate(key *rsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// encodePublic writes a public key in PKIX.
func encodePublic(key *rsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// generateKey makes a private key of [keyBits]. How long the search for its primes takes is a matter of luck (0.1 s to
// 1.5 s of one core, 0.5 s on average), so two search at once and the first key found is taken: that spares the long
// waits where there are two cores to spare. The other one ends by itself shortly after.
func generateKey() (*rsa.PrivateKey, error) {
	type result struct {
		key *rsa.PrivateKey
		err error
	}
	searches := min(runtime.GOMAXPROCS(0), 2)
	first := make(chan result, searches)
	for range searches {
		go func() {
			key, err := rsa.GenerateKey(rand.Reader, keyBits)
			first <- result{key, err}
		}()
	}
	r := <-first
	return r.key, r.err
}
