package plugins

import (
	"regexp/syntax"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAmbiguousPatterns(t *testing.T) {
	for text, want := range map[string]bool{
		// those of OWASP's page on ReDoS, and their kin
		`^(a+)+$`: true, `([a-zA-Z]+)*`: true, `(a|aa)+`: true, `(a|a?)+`: true, `(.*a){12}`: true, `(a*)*`: true, `(a|a)*b`: true,
		`^(([a-z])+.)+[A-Z]([a-z])+$`: true, `(x+x+)+y`: true, `(?i)(k|Kk)+`: true, `(a?b?)*c`: true, `(\w+\s?)+$`: true,
		`([0-9]{1,3})+`: true, `(.+){2,20}`: true, `((a{1,20}){1,20})$`: true, `(\w|\d)*`: true,
		`[]|]([a-z]|[[:alpha:]])+`: true, `([^]|a]|[b|])+`: true,

		// what settings need
		`^[a-z0-9]+(-[a-z0-9]+)*$`: false, `^\d{4}-\d{2}-\d{2}$`: false, `^(\d{1,3}\.){3}\d{1,3}$`: false, `^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$`: false,
		`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$`: false, `^https?://[^\s/$.?#].[^\s]*$`: false, `^#([0-9a-f]{3}){1,2}$`: false,
		`^([a-f0-9]{16},?){1,50}$`: false, `^(\w+)(,\w+)*$`: false, `^sk-[A-Za-z0-9]{20,200}$`: false, `.*`: false, `^(a|b)*$`: false, `(ab|c)+d?`: false, ``: false,
		`^(?:[01]\d|2[0-3]):[0-5]\d$`: false, `^(\*|\d+)( (\*|\d+)){4}$`: false, `^\S+( \S+)*$`: false, `[^a]*a[^a]*a`: false, `.{1000}`: false, `[]|]+`: false, `([^]|a]|[a|])+`: false, `([|]|a)+`: false, `(\||a)+`: false,
	} {
		_, err := syntax.Parse(text, syntax.Perl)
		require.NoError(t, err, text)
		steps := maxSteps
		require.Equal(t, want, ambiguous(text, &steps), text)
	}
}
