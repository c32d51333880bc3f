package storage

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"portico.internal/platform/audit"
	"portico.internal/platform/errs"
	"portico.internal/platform/secrets"
	"portico.internal/platform/web"
)

// The kinds of backends.
const (
	kindLocal = "local"
	kindS3    = "s3"
	kindAzure = "azure"
)

// place is where blobs lie and how one gets there, checked and in its normal form. Its secret is in clear: a place is
// never stored, logged or shown as it is.
type place struct {
	kind string
	spec
}

// spec is a place of one kind. Encoded as JSON it is the config without the secret.
type spec interface {
	// open makes it usable. What is not on this machine is not called yet.
	open() (blobs, error)

	// where are the words that lead there, the widest first: two places are the same when all are equal, and one lies
	// within the other when it has the other's words and more.
	where() []string

	// secret is where the secret is; nil where this kind has none.
	secret() *string
}

func (p place) String() string { return p.kind }

// fingerprint is the same for the same place, however it is spelled, as far as spelling tells.
func (p place) fingerprint() string {
	sum := sha256.Sum256([]byte(p.kind + "\n" + strings.Join(p.where(), "\n")))
	return hex.EncodeToString(sum[:])
}

// same tells whether two places are the same as far as spelling tells.
func (p place) same(other place) bool { return p.fingerprint() == other.fingerprint() }

// overlaps tells whether two places are the same, or one lies within the other, as far as spelling tells.
func (p place) overlaps(other place) bool {
	a, b := p.where(), other.where()
	if len(a) > len(b) {
		a, b = b, a
	}
	return p.kind == other.kind && strings.HasPrefix(strings.Join(b, "\n")+"\n", strings.Join(a, "\n")+"\n")
}

// stored makes the place of a row.
func (b *backends) stored(row *Backend) (place, error) {
	in, err := b.config(row)
	if err != nil {
		return place{}, err
	}
	p, err := b.parse(row.Kind, in)
	if err != nil {
		return place{}, trouble("The stored configuration is not valid any more", err)
	}
	return p, nil
}

// config is that of a row, with the secret. Of one that cannot be decrypted it returns the rest, beside the error.
func (b *backends) config(row *Backend) (in configIn, err error) {
	if err := json.Unmarshal([]byte(row.Config), &in); err != nil {
		return in, fmt.Errorf("storage: the config of backend %s: %w", row.ID, err)
	}
	if row.Secret.IsZero() {
		return in, nil
	}
	secret, err := b.keys.Open(row.Secret, sealedFor(row.ID))
	if err != nil {
		return in, trouble("The secret of the storage cannot be decrypted: store it again", err)
	}
	if row.Kind == kindAzure {
		in.AccountKey = web.Some(secret)
	} else {
		in.SecretAccessKey = web.Some(secret)
	}
	return in, nil
}

// fill writes a place into its row.
func (b *backends) fill(row *Backend, p place) error {
	text, err := json.Marshal(p.spec, json.Deterministic(true))
	if err != nil {
		return err
	}
	row.Config, row.Secret = string(text), secrets.Sealed{}
	if secret := p.secret(); secret != nil {
		row.Secret = b.keys.Seal(*secret, sealedFor(row.ID))
	}
	return nil
}

// changes are how the row becomes that of the place.
func (b *backends) changes(row *Backend, p place) audit.Changes {
	differ := audit.Diff(jsontext.Value(row.Config), p.spec)
	if !b.sameSecret(row, p) {
		differ[secretField(row.Kind)] = audit.Change{Old: secrets.Hidden, New: secrets.Hidden}
	}
	return differ
}

// sameSecret tells whether the row holds the secret of the place.
func (b *backends) sameSecret(row *Backend, p place) bool {
	secret := p.secret()
	if secret == nil {
		return row.Secret.IsZero()
	}
	plain, err := b.keys.Open(row.Secret, sealedFor(row.ID))
	return err == nil && plain == *secret
}

func sealedFor(id string) string { return sealedColumn.Place(id) }

var sealedColumn = secrets.Column{Table: "storage_backends", Key: []string{"id"}, Name: "secret"}

// keep puts the stored secret of the place where the client has sent its mask.
func (b *backends) keep(ctx context.Context, p place) error {
	sent := p.secret()
	if sent == nil {
		return nil
	}
	var rows []Backend
	if err := b.db.WithContext(ctx).Where("place = ?", p.fingerprint()).Find(&rows).Error; err != nil {
		return err
	}
	for _, row := range rows {
		if plain, err := b.keys.Open(row.Secret, sealedFor(row.ID)); err == nil && *sent == secrets.Mask(plain) {
			*sent = plain
		}
	}
	return nil
}

// secretField is the name of the secret in the config of a kind.
func secretField(kind string) string {
	if kind == kindAzure {
		return "account_key"
	}
	return "secret_access_key"
}

var errChanged = errs.New(errs.Conflict, "The storage's configuration was changed at the same moment")
