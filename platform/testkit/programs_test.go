package testkit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMissingProgramsSkipUnlessTheyAreRequired(t *testing.T) {
	const variable = "PORTICO_TEST_NOTHING"
	for needs, want := range map[[2]string]verdict{
		{"go", ""}: {}, {"go", "required"}: {}, {"no-such-program", ""}: {skipped: true}, {"no-such-program", "required"}: {failed: true},
	} {
		t.Setenv(variable, needs[1])
		var v verdict
		Programs(&v, variable, "go", needs[0])
		require.Equal(t, want, v, needs)
	}
}
