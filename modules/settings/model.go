package settings

import (
	"time"

	"portico.internal/platform/secrets"
)

// Setting is a row of settings. Its row is the lock of all that is changed under its key.
type Setting struct {
	Key       string `gorm:"primaryKey"`
	Value     string // JSON object, secrets aside
	Version   int64  // counts the changes
	UpdatedAt time.Time
	UpdatedBy *string // id of a user
}

// SettingSecret is a row of setting_secrets. It goes with its setting.
type SettingSecret struct {
	SettingKey string `gorm:"primaryKey"`
	Field      string `gorm:"primaryKey"` // names in the document, with dots between
	Sealed     secrets.Sealed
}

// SettingChange is a row of setting_changes, the history.
type SettingChange struct {
	ID             string `gorm:"primaryKey"`
	Key            string
	OldValue       *string // JSON without secrets; null: it was not there
	NewValue       *string // JSON without secrets; null: it is not there any more
	ChangedAt      time.Time
	ChangedBy      *string // id of a user
	ChangedByEmail *string // as it was then
	RestoredFrom   *string // id of the change whose value was brought back
}

// Theme is a row of themes: one that an admin has made.
type Theme struct {
	ID        string `gorm:"primaryKey"`
	Label     string
	Colors    string // JSON: mode, token, color
	CreatedAt time.Time
	UpdatedAt time.Time
}

// SystemPrompt is a row of system_prompts: a service's prompt that an admin has touched.
type SystemPrompt struct {
	ServiceID string  `gorm:"primaryKey"`
	Prompt    *string // null: the default of the service
	UpdatedAt time.Time
	UpdatedBy *string // id of a user
}
