package users

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCheckPassword(t *testing.T) {
	const (
		short  = "Password must be at least 8 characters"
		long   = "Password must be at most 72 bytes"
		nul    = "Password must not contain NUL characters"
		upper  = "Password must contain at least one uppercase letter"
		lower  = "Password must contain at least one lowercase letter"
		digit  = "Password must contain at least one digit"
		symbol = "Password must contain at least one special character"
		common = "Password must not contain a common word"
	)
	for password, want := range map[string]string{
		"Corr3ct-Horse": "", "Aa1!aaaa": "", "Ümlaut-9x": "", "Привет-9x": "", "Aa1!" + strings.Repeat("x", 68): "", "P4ssw0rd!": "", // 4 is no usual swap
		"": short, "abc": short, "Aa1!éé": short, "Aa1!aaa": short,
		"Aa1!" + strings.Repeat("x", 69): long, "Aa1!" + strings.Repeat("é", 35): long,
		"Aa1!aaaa\x00": nul,
		"aa1!aaaa":     upper, "aaaaaaaa": upper,
		"AA1!AAAA": lower,
		"Aaa!aaaa": digit,
		"Aa1aaaaa": symbol, "Aa1 aaaa": symbol, "Aa1€aaaa": symbol,
		"Password1!": common, "xPASSWORD1!": common, "Passw0rd!": common, "P@$$w0rD!": common, "p@55W0rd!x": "",
		"$3cr3T-99": common, "L0g1n-999": common, "1ogiN-999": common, "10g1N-999": common, "Adm1n!!99": common, "@dm1N!!99": common,
		"T3$t-9999": common, "Qw3rty!99": common, "W31come!9": common, "We1c0m3!9": common, "l3tme1N!9": common, "1etMe1n!9": common,
		"I10v3y0u!": common, "Contest-99": common, "\u017fecretX-9": common,
	} {
		err := CheckPassword(password)
		if want == "" {
			require.NoError(t, err, "%q", password)
			continue
		}
		require.EqualError(t, err, want, "%q", password)
	}
	for _, c := range passwordSymbols {
		require.NoError(t, CheckPassword("Aa1aaaaa"+string(c)))
	}
	require.Len(t, passwordSymbols, 32, "all the punctuation of ASCII")
}

func TestGeneratedPasswordsKeepTheRules(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		password := GeneratePassword()
		require.NoError(t, CheckPassword(password))
		require.Len(t, password, 20)
		require.False(t, seen[password])
		seen[password] = true
	}
}
