package egress

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEverySpellingOfLoopbackIsRefused(t *testing.T) {
	s := newService(t)
	strict, open := transportOf(t, Policy{}, nil, nil), transportOf(t, Policy{AllowPrivate: true}, nil, nil)
	for host, everywhere := range map[string]bool{ // whether every system knows the spelling
		"127.0.0.1": true, "localhost": true, "LocalHost": true, "[::ffff:127.0.0.1]": true, "[::ffff:7f00:1]": true,
		"[0:0:0:0:0:FFFF:7F00:0001]": true, "１２７.0.0.1": true, "①②⑦.⓪.⓪.①": true, "127。0。0。1": true, "ｌｏｃａｌｈｏｓｔ": true,
		"localhost.": false, "127.0.0.1.": false, "2130706433": false, "0x7f000001": false, "0X7F.1": false, "0x7f.0.0.0x1": false,
		"017700000001": false, "0177.0.0.1": false, "0177.1": false, "127.1": false, "127.0.1": false, "127.0.0.01": false,
	} {
		reached := call(t, open, s.at(host)) == arrived
		require.True(t, reached || !everywhere, "%s does not lead here", host)
		open.CloseIdleConnections()
		before := s.conns.Load()
		outcome := call(t, strict, s.at(host))
		if reached {
			require.Equal(t, refused, outcome, host)
		}
		require.NotEqual(t, arrived, outcome, host)
		require.Equal(t, before, s.conns.Load(), "%s opened a connection", host)
	}
}

func TestSpellingsOfClosedAddressesAreRefusedWhateverThePolicy(t *testing.T) {
	tr := transportOf(t, Policy{AllowPrivate: true}, nil, nil)
	for _, host := range []string{
		"169.254.169.254", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fe80::1%25lo]", "[fe80::a9fe:a9fe%25lo]", "[fd00:ec2::254]",
		"100.100.100.200", "168.63.129.16", "0.0.0.0", "[::]", "[::127.0.0.1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::a9fe:a9fe]",
		"[2002:a9fe:a9fe::1]", "[2001:0:a9fe:a9fe::f7f7:f7f7]", "255.255.255.255", "224.0.0.1", "[ff02::1%25lo]", "１６９.254.169.254",
	} {
		for _, scheme := range []string{"http://", "https://"} {
			require.Equal(t, refused, call(t, tr, scheme+host+"/"), host)
		}
	}
}

// A name that is public when it is checked and private when it is dialled: here there is no such moment between.
func TestEachConnectionIsCheckedByTheAddressItIsMadeTo(t *testing.T) {
	s := newService(t)
	for name, c := range map[string]struct {
		policy       Policy
		first, later string
		want         []outcome
	}{
		"public, then loopback":   {Policy{}, "8.8.8.8", "127.0.0.1", []outcome{failed, refused, refused}},
		"loopback, then metadata": {Policy{AllowPrivate: true}, "127.0.0.1", "169.254.169.254", []outcome{arrived, refused, refused}},
	} {
		var asked atomic.Int64
		tr := transportOf(t, c.policy, resolver(func(string) []string {
			if asked.Add(1) <= 2 { // one question for each family of addresses
				return []string{c.first}
			}
			return []string{c.later}
		}), cage4)
		before := s.conns.Load()
		var got []outcome
		for range c.want {
			got = append(got, call(t, tr, s.at("rebinding.example")))
			tr.CloseIdleConnections()
		}
		require.Equal(t, c.want, got, name)
		wanted := int64(0)
		if slices.Contains(c.want, arrived) {
			wanted = 1
		}
		require.Equal(t, before+wanted, s.conns.Load(), name)
		require.EqualValues(t, 2*len(c.want), asked.Load(), "%s: one look-up for each connection", name)
	}
}

func TestOfSeveralAddressesTheRefusedOnesArePassedOver(t *testing.T) {
	s := newService(t)
	for _, c := range []struct {
		policy    Policy
		cage      net.IP
		addresses []string
		want      outcome
	}{
		{Policy{AllowPrivate: true}, nil, []string{"169.254.169.254", "127.0.0.1"}, arrived},
		{Policy{AllowPrivate: true}, nil, []string{"127.0.0.1", "169.254.169.254"}, arrived},
		{Policy{AllowPrivate: true}, nil, []string{"fd00:ec2::254", "127.0.0.1"}, arrived},
		{Policy{AllowPrivate: true}, nil, []string{"fe80::1", "169.254.1.1", "0.0.0.0", "::", "127.0.0.1"}, arrived},
		{Policy{AllowPrivate: true}, nil, []string{"fd00:ec2::254", "169.254.169.254"}, refused},
		{Policy{}, cage4, []string{"127.0.0.1", "8.8.8.8"}, failed}, // not refused: 8.8.8.8 could have been dialled
		{Policy{}, cage4, []string{"8.8.8.8", "127.0.0.1"}, failed},
		{Policy{}, nil, []string{"::1", "127.0.0.1", "10.0.0.1"}, refused},
		{Policy{}, nil, []string{"127.0.0.1"}, refused},
		{Policy{}, cage6, []string{"127.0.0.1", "2606:4700::1111"}, failed},
		{Policy{}, nil, nil, failed}, // no such name
	} {
		before := s.conns.Load()
		got := call(t, transportOf(t, c.policy, resolver(func(string) []string { return c.addresses }), c.cage), s.at("several.example"))
		require.Equal(t, c.want, got, c.addresses)
		require.Equal(t, c.want == arrived, s.conns.Load() > before, c.addresses)
	}
}

func TestAllowedHosts(t *testing.T) {
	s := newService(t)
	names := resolver(func(name string) []string {
		if name == "metadata.example" {
			return []string{"169.254.169.254"}
		}
		return []string{"127.0.0.1"}
	})
	for _, c := range []struct {
		allowed, url string // PORT stands for that of the service
		want         outcome
	}{
		{"ai.example", "http://ai.example:PORT/", arrived},
		{"ai.example:PORT", "http://ai.example:PORT/", arrived},
		{"AI.Example", "http://ai.eXample:PORT/", arrived},
		{"ai.example.", "http://ai.example:PORT/", arrived},
		{"ai.example", "http://ai.example.:PORT/", arrived},
		{"Bücher.example", "http://bücher.example:PORT/", arrived},
		{"xn--bcher-kva.example", "http://BÜCHER.example:PORT/", arrived},
		{"Container_1", "http://container_1:PORT/", arrived},
		{"127.0.0.1", "http://127.0.0.1:PORT/", arrived},
		{"127.0.0.1:PORT", "http://[::ffff:127.0.0.1]:PORT/", arrived},
		{"[::ffff:7f00:1]:PORT", "http://127.0.0.1:PORT/", arrived},
		{"metadata.example", "http://metadata.example:PORT/", failed}, // dialled, and nothing there
		{"169.254.169.254", "http://169.254.169.254:PORT/", failed},
		{"FD00:EC2:0:0::254", "http://[fd00:ec2::254]:PORT/", failed},
		{"[FD00:EC2:0:0::254]:PORT", "http://[fd00:ec2::254]:PORT/", failed},
		{"FE80:0::1%lo", "http://[fe80::1%25lo]:PORT/", failed},
		{"ai.example:80", "http://ai.example/", failed}, // the port of a URL without one
		{"ai.example:443", "https://ai.example/", failed},
		{"ai.example:0080", "http://ai.example/", failed},

		{"ai.example:443", "http://ai.example/", refused},
		{"ai.example:80", "https://ai.example/", refused},
		{"ai.example:1", "http://ai.example:PORT/", refused},
		{"ai.example", "http://evil.ai.example:PORT/", refused},
		{"ai.example", "http://example:PORT/", refused},
		{"ai.example", "http://ai.example.evil.example:PORT/", refused},
		{"ai.example", "http://127.0.0.1:PORT/", refused}, // as a URL names them
		{"127.0.0.1", "http://localhost:PORT/", refused},
		{"127.0.0.1", "http://ai.example:PORT/", refused},
		{"127.0.0.2", "http://127.0.0.1:PORT/", refused},
		{"[fd00:ec2::253]", "http://[fd00:ec2::254]:PORT/", refused},
		{"fe80::1%eth0", "http://[fe80::1%25lo]:PORT/", refused},
		{"", "http://ai.example:PORT/", refused},
		{".", "http://ai.example:PORT/", refused},
		{"*", "http://ai.example:PORT/", refused},
		{"*.example", "http://ai.example:PORT/", refused},
		{"ai.example:", "http://ai.example:PORT/", refused}, // not well formed
		{"http://ai.example", "http://ai.example:PORT/", refused},
		{"127.0.0.0/8", "http://127.0.0.1:PORT/", refused},
	} {
		port := strings.NewReplacer("PORT", s.port)
		cage := cage4
		if strings.Contains(c.url, "::") && !strings.Contains(c.url, "ffff") {
			cage = cage6
		}
		tr := transportOf(t, Policy{AllowedHosts: []string{"other.example", port.Replace(c.allowed)}}, names, cage)
		require.Equal(t, c.want, call(t, tr, port.Replace(c.url)), "%s with %s", c.url, c.allowed)
	}
}

func TestRefusedIsToldWithoutOpeningAConnection(t *testing.T) {
	s := newService(t)
	tr := Transport(Policy{})
	defer tr.CloseIdleConnections()
	var calls sync.WaitGroup
	outcomes := make([]outcome, 20)
	for i := range outcomes {
		calls.Go(func() { outcomes[i] = call(t, tr, s.at("127.0.0.1")) })
	}
	calls.Wait()
	require.Equal(t, slices.Repeat([]outcome{refused}, len(outcomes)), outcomes)
	require.Zero(t, s.conns.Load())
}

func TestTransportOverTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		require.Empty(t, r.Header.Values("Accept-Encoding"))
		if r.URL.Path == "/big" {
			w.Header().Set("X-Big", strings.Repeat("x", 2*maxReplyHead))
		}
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "/big", http.StatusFound)
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	tr := Transport(Policy{AllowPrivate: true})
	defer tr.CloseIdleConnections()
	tr.TLSClientConfig = &tls.Config{RootCAs: x509.NewCertPool()}
	tr.TLSClientConfig.RootCAs.AddCert(server.Certificate())
	round := func(path string) (*http.Response, error) {
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		require.NoError(t, err)
		return tr.RoundTrip(r)
	}
	res, err := round("/")
	require.NoError(t, err)
	_, _ = io.Copy(io.Discard, res.Body)
	res.Body.Close()
	require.Equal(t, 2, res.ProtoMajor)
	res, err = round("/away")
	require.NoError(t, err)
	res.Body.Close()
	require.Equal(t, http.StatusFound, res.StatusCode)
	_, err = round("/big")
	require.Error(t, err)
}
