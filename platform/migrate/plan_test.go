package migrate_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/platform/migrate"
)

const (
	rev1 = "111111111111"
	rev2 = "222222222222"
	rev3 = "333333333333"
	rev4 = "444444444444"
)

func nothing(*gorm.DB) error { return nil }

func links(t *testing.T, text string) []migrate.Link {
	t.Helper()
	chain, err := migrate.ParseChain(text)
	require.NoError(t, err)
	return chain
}

func TestChainDecidesTheOrder(t *testing.T) {
	chain := links(t, rev3+" users a\n"+rev4+" absent b\n"+rev1+" groups c\n"+rev2+" users d")
	plan, err := migrate.New(chain, map[string][]migrate.Step{
		"users":  {{Revision: rev2, Up: nothing}, {Revision: rev3, Up: nothing}},
		"groups": {{Revision: rev1, Up: nothing}},
		"quiet":  nil,
		"own":    {{Revision: "bbbbbbbbbbbb", Up: nothing}, {Revision: "aaaaaaaaaaaa", Up: nothing}},
		"crm":    {{Revision: "cccccccccccc", Up: nothing}},
	})
	require.NoError(t, err)
	require.Equal(t, `schema_migrations
333333333333 users a
111111111111 groups c
222222222222 users d
cccccccccccc crm
bbbbbbbbbbbb own
aaaaaaaaaaaa own`, plan.String(), "the chain without the absent module, then the others by name, each in its own order")
}

func TestNewNamesTheCulprit(t *testing.T) {
	chain := links(t, rev1+" users create_users\n"+rev2+" groups create_groups")
	ok := migrate.Step{Revision: rev1, Up: nothing}
	for name, c := range map[string]struct {
		chain []migrate.Link
		steps map[string][]migrate.Step
		want  string
	}{
		"step without a line": {chain, map[string][]migrate.Step{"users": {ok, {Revision: rev3, Up: nothing}}},
			"module users: add a line to migrations/chain.txt: 333333333333 users <slug>"},
		"line without a step": {chain, map[string][]migrate.Step{"users": {ok}, "groups": nil},
			`migrations/chain.txt says "222222222222 groups create_groups", but module groups has no such step`},
		"step of another module": {chain, map[string][]migrate.Step{"users": {ok, {Revision: rev2, Up: nothing}}},
			"but the step is one of module users"},
		"one revision in two modules": {chain, map[string][]migrate.Step{"users": {ok}, "crm": {ok}},
			"modules crm and users: both have a step 111111111111"},
		"one revision twice in the chain": {append(chain, chain[0]), map[string][]migrate.Step{"users": {ok}},
			"revision 111111111111 is there twice"},
		"malformed revision": {nil, map[string][]migrate.Step{"crm": {{Revision: "1", Up: nothing}}},
			`module crm: revision "1" is not twelve hex digits`},
		"nothing to do": {nil, map[string][]migrate.Step{"crm": {{Revision: rev1}}},
			"module crm: step 111111111111 does nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := migrate.New(c.chain, c.steps)
			require.ErrorContains(t, err, c.want)
		})
	}
}
