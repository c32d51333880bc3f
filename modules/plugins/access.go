package plugins

import (
	"context"
	"slices"
	"time"

	"portico.internal/modules/groups"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
)

// required are the groups of which one is needed, by id and by the key of the name. With none, only superusers get in.
type required map[string]bool

func requiredGroups(list []string) required {
	r := required{}
	for _, name := range list {
		r[name], r[groups.NameKey(name)] = true, true
	}
	return r
}

// overlap tells whether one of the groups is required.
func (r required) overlap(in []groups.Joined) bool {
	return slices.ContainsFunc(in, func(g groups.Joined) bool { return r[g.ID] || r[groups.NameKey(g.Name)] })
}

// groupsOf reads the caller's groups from the database: who has just left one is not in it any more. It fails with
// errs.Unavailable whatever keeps them from being read.
func (h *handler) groupsOf(ctx context.Context) ([]groups.Joined, error) {
	list, err := h.groups.Of(ctx, identity.From(ctx).ID)
	if err != nil && ctx.Err() == nil && errs.KindOf(err) != errs.Unavailable {
		err = errs.Wrap(errs.Unavailable, "", err).Retry(time.Second)
	}
	return list, err
}
