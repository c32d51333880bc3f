package egress

import "net/netip"

// reach says from where an address can be reached, the narrowest first.
type reach uint8

const (
	closed  reach = iota // link-local, metadata, reserved: no service that anybody means to call
	private              // loopback and private networks
	public
)

type network struct {
	prefix netip.Prefix
	reach  reach
}

var cidr = netip.MustParsePrefix

// networks follow the special-purpose address registries of IANA for IPv4 and IPv6. A network comes before those inside
// it; the last that holds an address decides. Of IPv6 only global unicast is public, so that nothing can be missing.
var networks = []network{
	{cidr("0.0.0.0/0"), public},
	{cidr("0.0.0.0/8"), closed}, // "this network"; systems take 0.0.0.0 for loopback
	{cidr("10.0.0.0/8"), private},
	{cidr("100.64.0.0/10"), private},     // shared address space, RFC 6598
	{cidr("100.100.100.200/32"), closed}, // metadata of Alibaba Cloud
	{cidr("127.0.0.0/8"), private},
	{cidr("168.63.129.16/32"), closed}, // the platform's own address in Azure
	{cidr("169.254.0.0/16"), closed},   // link-local, the metadata of most clouds among it
	{cidr("172.16.0.0/12"), private},
	{cidr("192.0.0.0/24"), closed},   // protocol assignments, once metadata of Oracle Cloud
	{cidr("192.0.2.0/24"), closed},   // documentation
	{cidr("192.88.99.0/24"), closed}, // 6to4 relays, RFC 7526
	{cidr("192.168.0.0/16"), private},
	{cidr("198.18.0.0/15"), closed},   // benchmarks
	{cidr("198.51.100.0/24"), closed}, // documentation
	{cidr("203.0.113.0/24"), closed},  // documentation
	{cidr("224.0.0.0/4"), closed},     // multicast
	{cidr("240.0.0.0/4"), closed},     // reserved, broadcast among it

	// Of ::/0 are closed without a line of their own: unspecified, IPv4-compatible and -translated, local NAT64
	// (64:ff9b:1::/48, which hides an IPv4 address at a place that only its network knows), discard (100::/64),
	// segment routing (5f00::/16), link-local (fe80::/10), site-local (fec0::/10) and multicast (ff00::/8).
	{cidr("::/0"), closed},
	{cidr("::1/128"), private},
	{cidr("2000::/3"), public},
	{cidr("2001::/23"), closed},     // protocol assignments
	{cidr("2001:db8::/32"), closed}, // documentation
	{cidr("3fff::/20"), closed},     // documentation
	{cidr("fc00::/7"), private},
	{cidr("fd00:42::42/128"), closed},  // metadata of Scaleway
	{cidr("fd00:ec2::/32"), closed},    // metadata and other services of AWS's own
	{cidr("fd20:ce::254/128"), closed}, // metadata of Google Cloud
}

// reachOf tells the reach of an address; one that stands for IPv4 addresses has the narrowest of theirs.
func reachOf(a netip.Addr) reach {
	a = a.WithZone("").Unmap() // no prefix holds an address with a zone
	if inner := embedded(a); inner != nil {
		narrowest := public
		for _, v4 := range inner {
			narrowest = min(narrowest, reachOf(v4))
		}
		return narrowest
	}
	r := closed
	for _, n := range networks {
		if n.prefix.Contains(a) {
			r = n.reach
		}
	}
	return r
}

var (
	nat64  = cidr("64:ff9b::/96") // RFC 6052; where only IPv6 is spoken, every public IPv4 service is here
	sixTo4 = cidr("2002::/16")    // RFC 3056
	teredo = cidr("2001::/32")    // RFC 4380: a server, and a client with every bit turned
)

// embedded returns the IPv4 addresses to which traffic for an IPv6 address is handed on.
func embedded(a netip.Addr) []netip.Addr {
	b := a.As16()
	v4 := func(at int, mask byte) netip.Addr {
		return netip.AddrFrom4([4]byte{b[at] ^ mask, b[at+1] ^ mask, b[at+2] ^ mask, b[at+3] ^ mask})
	}
	switch {
	case nat64.Contains(a):
		return []netip.Addr{v4(12, 0)}
	case sixTo4.Contains(a):
		return []netip.Addr{v4(2, 0)}
	case teredo.Contains(a):
		return []netip.Addr{v4(4, 0), v4(12, 0xff)}
	}
	return nil
}
