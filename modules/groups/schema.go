package groups

import "time"

type myGroup struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Description  *string   `json:"description"`
	IsGroupAdmin bool      `json:"is_group_admin"`
	JoinedAt     time.Time `json:"joined_at"`
}
