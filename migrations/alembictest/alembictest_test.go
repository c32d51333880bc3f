package alembictest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/migrations/alembictest"
)

// That the tokens made here are those of the old backend is shown by one that python-jose has made.
func TestTokensAreThoseOfPython(t *testing.T) {
	require.Equal(t, alembictest.Recorded(t), alembictest.Token(t, alembictest.People(t)[0].ID, time.Unix(1704700000, 0), 8*time.Hour))
}
