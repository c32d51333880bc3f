package storage

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

func TestProgress(t *testing.T) {
	const mib = 1 << 20
	states := []Status{
		{State: stateCopying, Total: 100, BytesTotal: 1000 * mib},
		{State: stateCopying, Total: 100, BytesTotal: 1000 * mib, Done: 10, BytesDone: 100 * mib},
		{State: stateCopying, Total: 100, BytesTotal: 1000 * mib, Done: 50, BytesDone: 500 * mib, Failed: 1},
		{State: stateVerifying, Total: 100, BytesTotal: 1000 * mib, Done: 99, BytesDone: 1000 * mib},
		{State: stateCompleted, Total: 100, BytesTotal: 1000 * mib, Done: 100, BytesDone: 1000 * mib},
	}
	draw := func(terminal bool) string {
		var out testkit.Output
		now := time.Unix(0, 0)
		p := newProgress(&out)
		require.False(t, p.terminal)
		p.terminal, p.now = terminal, func() time.Time { return now }
		for _, s := range states {
			p.show(s)
			now = now.Add(4 * time.Second)
		}
		p.end()
		return out.String()
	}
	require.Equal(t, strings.Join([]string{
		"copying       0 %  0/100 objects  0 B of 1000.0 MiB",
		"copying      50 %  50/100 objects  500.0 MiB of 1000.0 MiB  1 failed  62.5 MiB/s  8s left",
		"verifying   100 %  99/100 objects  1000.0 MiB of 1000.0 MiB",
		"completed   100 %  100/100 objects  1000.0 MiB of 1000.0 MiB", "",
	}, "\n"), draw(false))
	drawn := draw(true)
	require.Equal(t, 1, strings.Count(drawn, "\n"), "one line, drawn again and again")
	lines := strings.Split(drawn, "\r")
	require.Equal(t, "copying     [==                      ]   10 %  10/100 objects  100.0 MiB of 1000.0 MiB  25.0 MiB/s  36s left", lines[2])
	require.Contains(t, lines[3], "[============            ]   50 %")
	require.Contains(t, lines[5], "[========================]  100 %")
	for i := 2; i < len(lines); i++ {
		require.GreaterOrEqual(t, len(lines[i]), len(strings.TrimRight(lines[i-1], " ")), "nothing of the line before is left")
	}
}
