package dashboard

import (
	"portico.internal/modules/groups"
	"portico.internal/modules/plugins"
	"portico.internal/modules/settings"
	"portico.internal/modules/users"
)

// contextOut holds what the single calls return, under the name of each.
type contextOut struct {
	User       users.UserOut          `json:"user"`
	AppIDs     []string               `json:"app_ids" doc:"The apps on the user's dashboard"`
	Groups     []groups.Joined        `json:"groups"`
	Plugins    []plugins.PluginOut    `json:"plugins" doc:"Those that the user may use"`
	Appearance settings.AppearanceOut `json:"appearance"`
	Mode       string                 `json:"mode" enum:"light,dark,system" doc:"The user's own colour mode, or else the workspace's"`
	Limits     limits                 `json:"limits"`
}

// limits are told to all whom they bind, though only admins may see and change the setting.
type limits struct {
	MaxPDFMB int64 `json:"max_pdf_mb" doc:"Of the file in an upload, in units of 1,048,576 bytes"`
}
