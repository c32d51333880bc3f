package config_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/config"
)

// settingLine is a setting that is commented out; prose has a space after its #.
var settingLine = regexp.MustCompile(`(?m)^( *)#((?: {3,}[# -].*|  - .*|    .*|\w.*))$`)

func TestExampleChangesNothing(t *testing.T) {
	requireBase(t, defaults(), base(t, config.Example(config.Section{Target: new(config.Base)})))
}

// With every setting's line taken in, the file still says the defaults, and one service as the example.
func TestExampleShowsDefaults(t *testing.T) {
	example := config.Example(config.Section{Target: new(config.Base)})
	got := base(t, settingLine.ReplaceAllString(example, "$1$2"))
	want := defaults()
	want.Services = []config.Service{{ID: "reports", Name: "Reports", URL: "http://127.0.0.1:8101", HealthPath: "/health"}}
	want.HTTP.TrustedProxies, want.HTTP.CORSOrigins = got.HTTP.TrustedProxies, got.HTTP.CORSOrigins
	require.Empty(t, got.HTTP.TrustedProxies)
	require.Empty(t, got.HTTP.CORSOrigins)
	requireBase(t, want, got)
}

func TestExampleDocumentsEverySetting(t *testing.T) {
	example := config.Example(config.Section{Target: new(config.Base)}, config.Section{Key: "auth", Target: new(other)})
	var visit func(reflect.Type)
	visit = func(section reflect.Type) {
		for i := range section.NumField() {
			field := section.Field(i)
			if field.Type.Kind() == reflect.Struct {
				visit(field.Type)
				continue
			}
			require.NotEmpty(t, field.Tag.Get("doc"), "%v.%s", section, field.Name)
			require.Contains(t, example, field.Tag.Get("doc"))
			require.Contains(t, example, field.Tag.Get("env"))
			require.Regexp(t, `(?m)^ *#(  - |    )?`+field.Tag.Get("yaml")+`:`, example)
		}
	}
	visit(reflect.TypeFor[config.Base]())
	visit(reflect.TypeFor[config.Service]())
	require.Contains(t, example, "\nauth:\n  # ")
	require.Contains(t, example, "  # EXPIRE_MINUTES; a whole number from 1 to 480.\n  #expire_minutes: 480\n")
	require.True(t, strings.HasSuffix(example, "\n") && !strings.Contains(example, " \n"), "no trailing space")
}

// A secret's default is nobody's business.
func TestExampleHidesSecrets(t *testing.T) {
	type section struct {
		Key string `yaml:"key" default:"c4n4ryc4n4ry" secret:"true" doc:"A key."`
	}
	require.NotContains(t, config.Example(config.Section{Key: "k", Target: new(section)}), canary)
}

func TestExampleWantsDocumentation(t *testing.T) {
	type section struct {
		X int `yaml:"x"`
	}
	require.Panics(t, func() { config.Example(config.Section{Key: "k", Target: new(section)}) })
}
