// Package groups owns groups and who is in them.
package groups

import (
	"context"

	"portico.internal/modules/users"
	"portico.internal/platform/module"
)

// Module adds groups to the gateway.
var Module = module.New("groups",
	module.Migrations(migrations...),
	module.Provide(newService, newHandler),
	module.Export(
		func(s *service) Memberships { return s },
		func(s *service) Directory { return s },
		func() users.GroupCount { return groupCount },
	),
	module.Routes((*handler).routes),
)

// Memberships tells other modules which groups a user is in.
type Memberships interface {
	// GroupIDs returns the ids of the user's groups, sorted, empty when there are none or no such user. They are as
	// the database had them at most a second ago, and at once after a change made by this process.
	// The slice is shared: it must not be changed.
	GroupIDs(ctx context.Context, userID string) ([]string, error)
}

// Directory tells other modules about the groups a user is in.
type Directory interface {
	// Of returns them by name, empty when there are none or no such user.
	Of(ctx context.Context, userID string) ([]Joined, error)
}

const groupCount users.GroupCount = "(SELECT COUNT(*) FROM group_memberships WHERE group_memberships.user_id = users.id)"
