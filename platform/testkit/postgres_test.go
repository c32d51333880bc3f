package testkit

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// verdict notes how a test would have ended.
type verdict struct {
	testing.TB
	skipped, failed bool
}

func (v *verdict) Helper()      {}
func (v *verdict) Skip(...any)  { v.skipped = true }
func (v *verdict) Fatal(...any) { v.failed = true }

func TestAbsentPostgresSkipsUnlessItIsRequired(t *testing.T) {
	t.Setenv(requiredVariable, "")
	var v verdict
	without(&v, errNoPostgres)
	require.Equal(t, verdict{skipped: true}, v)

	v = verdict{}
	without(&v, errors.New("it is there and does not start"))
	require.Equal(t, verdict{failed: true}, v)

	t.Setenv(requiredVariable, "required")
	v = verdict{}
	without(&v, errNoPostgres)
	require.Equal(t, verdict{failed: true}, v)
}

func TestPostgresCanBeLeftOut(t *testing.T) {
	t.Run("skipped", func(t *testing.T) {
		t.Setenv(requiredVariable, "off")
		Postgres(t)
		t.Fatal("there is a server all the same")
	})
}
