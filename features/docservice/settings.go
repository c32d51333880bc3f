package docservice

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/database"
	"portico.internal/platform/datadir"
	"portico.internal/platform/errs"
	"portico.internal/platform/secrets"
	"portico.internal/platform/web"
)

var errLostKey = errs.New(errs.Unavailable, "The API key in the settings of this service cannot be decrypted; it must be entered anew")

// settingsStore keeps what administrators decide for this service: a JSON object that holds what was ever set, under a
// version that counts the changes, and the API key beside it, encrypted.
type settingsStore struct {
	db   *gorm.DB
	keys *secrets.Keyring
}

// storedSettings are the settings at one moment.
type storedSettings struct {
	Settings // without the API key
	row      settingsRow
}

// openKeyring returns the keys that secrets are encrypted with: those configured, else one made in the data directory.
func openKeyring(dataDir, configured string) (*secrets.Keyring, error) {
	if configured != "" {
		keys, err := secrets.Parse(configured)
		if err != nil {
			return nil, fmt.Errorf("secret_key (DOCSERVICE_SECRET_KEY): %w", err)
		}
		return keys, nil
	}
	made, err := datadir.File(dataDir, keyFile, func() ([]byte, error) {
		var key [32]byte
		_, _ = rand.Read(key[:])
		return []byte(base64.StdEncoding.EncodeToString(key[:]) + "\n"), nil
	})
	if err != nil {
		return nil, err
	}
	keys, err := secrets.Parse(string(made))
	if err != nil {
		return nil, fmt.Errorf("data_dir: %s in %s: %w", keyFile, dataDir, err)
	}
	return keys, nil
}

// read returns the settings as they are. It costs little beside what they are read for.
func (s *settingsStore) read(ctx context.Context) (*storedSettings, error) {
	var row settingsRow
	if err := s.db.WithContext(ctx).Take(&row).Error; err != nil {
		return nil, err
	}
	return row.parse()
}

// parse reads what was set over the defaults. Members that this version does not know are left alone.
func (r settingsRow) parse() (*storedSettings, error) {
	stored := &storedSettings{Settings: Settings{AllowedCategories: []string{}, AutoClassify: true}, row: r}
	if err := json.Unmarshal([]byte(r.Value), &stored.Settings); err != nil {
		return nil, fmt.Errorf("stored settings: %w", err)
	}
	stored.APIKey = nil
	return stored, nil
}

// change applies a patch that has passed its checks, and returns what has come out and whether that is another version. A
// key in the patch is for the address. It fails with PreconditionFailed where match does not want the version that is there.
func (s *settingsStore) change(ctx context.Context, match web.IfMatch, by, address string, patch *SettingsPatch) (now *storedSettings, changed bool, err error) {
	err = database.Write(ctx, s.db, func(tx *gorm.DB) error {
		var row settingsRow
		if err := tx.Clauses(clause.Locking{Strength: "UPDATE"}).Take(&row).Error; err != nil {
			return err
		}
		if !match.Holds(row.Version) {
			return errs.New(errs.PreconditionFailed, "")
		}
		value, err := merge(row.Value, patch)
		if err != nil {
			return err
		}
		if changed = value != row.Value || patch.APIKey.Set; changed {
			row.Value = value
			if patch.APIKey.Set {
				row.APIKey, row.APIKeyFor = secrets.Sealed{}, ""
			}
			if key := patch.APIKey.Pointer(); key != nil {
				row.APIKey, row.APIKeyFor = s.keys.Seal(*key, keyPlace(address)), address
			}
			at := tx.NowFunc()
			row.Version, row.UpdatedAt, row.UpdatedBy = row.Version+1, &at, &by
			if err := tx.Select("*").Updates(&row).Error; err != nil {
				return err
			}
		}
		now, err = row.parse()
		return err
	})
	return now, changed, err
}

// merge applies a merge patch (RFC 7396) to the stored object. No member of it is an object, so it is flat. The key is
// not for the object.
func merge(stored string, patch *SettingsPatch) (string, error) {
	flat := *patch
	flat.APIKey = web.Optional[string]{}
	text, err := json.Marshal(&flat)
	if err != nil {
		return "", err
	}
	var object, changes map[string]jsontext.Value
	if err := json.Unmarshal([]byte(stored), &object); err != nil {
		return "", fmt.Errorf("stored settings: %w", err)
	}
	if err := json.Unmarshal(text, &changes); err != nil {
		return "", err
	}
	for name, value := range changes {
		if value.Kind() == 'n' {
			delete(object, name)
		} else {
			object[name] = value
		}
	}
	merged, err := json.Marshal(object, json.Deterministic(true))
	return string(merged), err
}

// hasKeyFor tells whether there is an API key that was stored for the address.
func (s *storedSettings) hasKeyFor(address string) bool {
	return !s.row.APIKey.IsZero() && s.row.APIKeyFor == address
}

// key returns the API key in clear, empty where there is none. It fails with errLostKey.
func (s *settingsStore) key(stored *storedSettings) (string, error) {
	if stored.row.APIKey.IsZero() {
		return "", nil
	}
	key, err := s.keys.Open(stored.row.APIKey, keyPlace(stored.row.APIKeyFor))
	if err != nil {
		return "", errLostKey // the cause names the variable of another program
	}
	return key, nil
}

// keyPlace binds an encrypted key to the address it is for: it opens for no other, whatever becomes of the row.
func keyPlace(address string) string { return "document_settings/api_key/" + address }
