package migrate_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/migrate"
)

func TestParseChain(t *testing.T) {
	chain, err := migrate.ParseChain("# the order\n0123456789ab users create_users\n\nabcdefabcdef groups add_groups_2\n")
	require.NoError(t, err)
	require.Equal(t, []migrate.Link{
		{Revision: "0123456789ab", Module: "users", Slug: "create_users"},
		{Revision: "abcdefabcdef", Module: "groups", Slug: "add_groups_2"},
	}, chain)
}

func TestParseChainNamesTheLine(t *testing.T) {
	for line, why := range map[string]string{
		"0123456789ab users":              "one space",
		"0123456789ab  users create":      "one space",
		"0123456789ab users create it":    "one space",
		"0123456789ab users create ":      "one space",
		" 0123456789ab users create":      "one space",
		"0123456789ab\tusers\tcreate":     "one space",
		"0123456789AB users create":       "twelve hex digits",
		"0123456789a users create":        "twelve hex digits",
		"0123456789ag users create":       "twelve hex digits",
		"0123456789ab Users create":       "module",
		"0123456789ab users create-users": "slug",
		"0123456789ab users create\r":     "slug",
		"ffffffffffff groups again":       "line 2 already",
	} {
		_, err := migrate.ParseChain("# order\nffffffffffff users first\n" + line + "\n")
		require.ErrorContains(t, err, "chain line 3: ", line)
		require.ErrorContains(t, err, why, line)
	}
}
