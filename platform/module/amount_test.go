package module_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/module"
)

func TestAmount(t *testing.T) {
	for text, bytes := range map[string]int64{
		"0 B": 0, "1023 B": 1023, "1.0 KiB": 1024, "1.5 MiB": 3 << 19, "2.0 GiB": 2 << 30, "1.0 TiB": 1 << 40, "8192.0 PiB": 1<<63 - 1,
	} {
		require.Equal(t, text, module.Amount(bytes))
	}
}
