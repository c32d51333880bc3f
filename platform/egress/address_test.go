package egress

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReachOfEveryRange(t *testing.T) {
	for want, addresses := range map[reach][]string{
		public: {
			"1.0.0.0", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
			"168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
			"191.255.255.255", "192.0.1.0", "192.0.3.0", "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0",
			"198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255",
			"2000::", "2001:200::", "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", "2003::", "2606:4700::1111",
			"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1", "2001:0:808:808:0:0:f7f7:f7f7", // 8.8.8.8 in other clothes
		},
		private: {
			"10.0.0.0", "10.255.255.255", "100.64.0.0", "100.100.100.199", "100.100.100.201", "100.127.255.255",
			"127.0.0.0", "127.0.0.1", "127.255.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255",
			"::1", "fc00::", "fcff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fd00:ec1:ffff::", "fd00:ec3::", "fd00:42::41", "fd20:ce::253",
			"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "::1%lo", "fd12::1%eth0",
			"::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.1.2.3%eth0", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1",
			"2002:7f00:1::", "2002:c0a8:101:ffff::1",
			"2001:0:7f00:1::f7f7:f7f7",            // a Teredo server at 127.0.0.1
			"2001:0:808:808::80ff:fffe",           // a Teredo client at 127.0.0.1
			"2001:0:808:808:ffff:ffff:f5ff:fffe",  // one at 10.0.0.1
			"2001:0:a00:1:ffff:ffff:80ff:fffe%lo", // both
		},
		closed: {
			"0.0.0.0", "0.255.255.255", "100.100.100.200", "168.63.129.16", "169.254.0.0", "169.254.169.254", "169.254.255.255",
			"192.0.0.0", "192.0.0.192", "192.0.0.255", "192.0.2.0", "192.0.2.255", "192.88.99.0", "192.88.99.255",
			"198.18.0.0", "198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255",
			"224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255",
			"::", "::2", "::127.0.0.1", "::8.8.8.8", "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "100::", "100::1", "1fff::1",
			"64:ff9b:1::", "64:ff9b:1::8.8.8.8", "64:ff9b:1:808:8:800::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "64:ff9a::8.8.8.8", "64:ff9b:0:0:0:1:808:808",
			"2001:1::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
			"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff",
			"4000::", "5f00::1", "8000::1", "fbff:ffff::", "fd00:42::42", "fd00:ec2::", "fd00:ec2::254", "fd00:ec2:ffff:ffff:ffff:ffff:ffff:ffff",
			"fd20:ce::254", "fe00::1", "fe80::", "fe80::1", "fe80::1%eth0", "fe80::a9fe:a9fe", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			"fec0::", "fec0::1", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::", "ff02::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
			"::ffff:169.254.169.254", "::ffff:0.0.0.0", "::ffff:100.100.100.200%eth0", "64:ff9b::169.254.169.254", "64:ff9b::a83f:8110",
			"2002:a9fe:a9fe::1", "2002:6464:64c8::", "2002::1", "2001:0:a9fe:a9fe::f7f7:f7f7", "2001:0:808:808::5601:5601", "2001::",
			"fd00:ec2::254%eth0", "fec0::1%eth0",
		},
	} {
		for _, a := range addresses {
			require.Equal(t, want, reachOf(netip.MustParseAddr(a)), a)
		}
	}
	require.Equal(t, closed, reachOf(netip.Addr{}), "no address")
}

func TestPolicyOpensWhatItSays(t *testing.T) {
	for socket, want := range map[string]struct{ strict, open bool }{
		"8.8.8.8:443":               {true, true},
		"[2606:4700::1111]:443":     {true, true},
		"127.0.0.1:80":              {false, true},
		"[::1]:80":                  {false, true},
		"[::ffff:10.0.0.1]:80":      {false, true},
		"[fd00::1%eth0]:80":         {false, true},
		"169.254.169.254:80":        {false, false},
		"[::ffff:169.254.0.1]:80":   {false, false},
		"[fe80::1%eth0]:80":         {false, false},
		"0.0.0.0:80":                {false, false},
		"localhost:80":              {false, false}, // no address, so no answer can be right
		"127.0.0.1":                 {false, false},
		"":                          {false, false},
		"/run/docker.sock":          {false, false},
		"[64:ff9b::8.8.8.8]:443":    {true, true},
		"[64:ff9b::10.0.0.1]:443":   {false, true},
		"[64:ff9b::a9fe:a9fe]:443":  {false, false},
		"[64:ff9b:1::10.0.0.1]:443": {false, false},
	} {
		require.Equal(t, want.strict, (&guard{}).permits(socket), socket)
		require.Equal(t, want.open, (&guard{allowPrivate: true}).permits(socket), socket)
	}
}
