package egress

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckHost(t *testing.T) {
	label := strings.Repeat("a", 63)
	for _, good := range []string{
		"localhost", "localhost:11434", "LOCALHOST.", "ai.example.com:443", "a-b.c_d", "1.example", "0x7f.example", "xn--bcher-kva.example",
		"bücher.example:80", "10.0.0.1", "10.0.0.1:8080", "::1", "[::1]", "[::1]:65535", "fe80::1%eth0", "[fe80::1%eth0]:80", "[::ffff:127.0.0.1]:1",
		"0xfacade.org", "deadbeef", strings.Repeat(label+".", 3) + strings.Repeat("b", 61),
	} {
		require.NoError(t, CheckHost(good), good)
	}
	for _, bad := range []string{
		"", ".", ":80", " localhost", "localhost ", "local host", "a..b", ".a", "-a", "a-", "a/b", "a@b", "a?b", "*.example", "10.0.0.0/8",
		"[]", "[::1", "::1]", "[localhost]", "[127.0.0.1]", "[::1]80", "[::1]x:80", "::1:99999", "a\nb", "a\x00", "a%b",
		"256.0.0.1", "1.2.3", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "a.0x1f", "1.2.3.4.5", "a.1", "a.0x",
		label + "a", strings.Repeat(label+".", 3) + strings.Repeat("b", 62), "\xff",
	} {
		require.ErrorIs(t, CheckHost(bad), errHost, bad)
	}
	for _, bad := range []string{"http://a", "localhost:", "localhost:0", "localhost:65536", "localhost:-1", "localhost:+1", "localhost:80a", "localhost:80:80", "[::1]:", "a: 80", "a:８０"} {
		require.ErrorIs(t, CheckHost(bad), errPort, bad)
	}
}
