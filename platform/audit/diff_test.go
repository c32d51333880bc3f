package audit

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/platform/secrets"
)

type inner struct {
	Model  *string `json:"model"`
	APIKey *string `json:"api_key"`
}

type thing struct {
	Name  string   `json:"name"`
	Size  int64    `json:"size"`
	Tags  []string `json:"tags"`
	Phone string   `json:"phone"`
	At    inner    `json:"at"`
	Other string   `json:"-"`
}

func TestDiff(t *testing.T) {
	one := thing{Name: "a", Size: 1<<53 + 1, Tags: []string{"x"}, At: inner{Model: new("m"), APIKey: new("first key")}, Other: "o"}
	for _, c := range []struct {
		name   string
		change func(*thing)
		want   string
	}{
		{"nothing", func(*thing) {}, `{}`},
		{"what JSON does not have", func(x *thing) { x.Other = "p" }, `{}`},
		{"a text", func(x *thing) { x.Name = "b" }, `{"name":{"old":"a","new":"b"}}`},
		{"the last digit", func(x *thing) { x.Size++ }, `{"size":{"old":9007199254740993,"new":9007199254740994}}`},
		{"a list as a whole", func(x *thing) { x.Tags = []string{"x", "y"} }, `{"tags":{"old":["x"],"new":["x","y"]}}`},
		{"inside", func(x *thing) { x.At.Model = nil }, `{"at.model":{"old":"m","new":null}}`},
		{"a secret", func(x *thing) { x.At.APIKey = new("other key") }, `{"at.api_key":{"old":"********","new":"********"}}`},
		{"a secret that goes", func(x *thing) { x.At.APIKey = nil }, `{"at.api_key":{"old":"********","new":null}}`},
		{"a secret by its name here", func(x *thing) { x.Phone = "1234" }, `{"phone":{"old":"","new":"********"}}`},
	} {
		other := one
		c.change(&other)
		require.JSONEq(t, c.want, Diff(one, other, "phone").text(), c.name)
	}
	require.JSONEq(t, `{"name":{"old":null,"new":"a"},"size":{"old":null,"new":1},"tags":{"old":null,"new":[]},"phone":{"old":null,"new":""}}`, Diff(nil, thing{Name: "a", Size: 1}).text())
	require.JSONEq(t, `{"value":{"old":1,"new":2}}`, Diff(1, 2).text())
	require.Panics(t, func() { Diff(nil, func() {}) })
}

// What others have masked is compared as it is and shown as they say, with nothing of the secret.
func TestDiffShown(t *testing.T) {
	before, after := map[string]any{"a": "first-secret-text", "b": "same"}, map[string]any{"a": "other-secret-text", "b": "same"}
	hide := func(m map[string]any) map[string]any {
		return map[string]any{"a": secrets.Mask(m["a"].(string)), "b": secrets.Mask(m["b"].(string))}
	}
	require.JSONEq(t, `{"a":{"old":"********","new":"********"}}`, DiffShown(before, after, hide(before), hide(after)).text())
}

func TestChangesAreBounded(t *testing.T) {
	long := strings.Repeat("ä", 5000)
	text := Diff(nil, map[string]any{"text": long}).text()
	require.Less(t, len(text), 700)
	require.Contains(t, text, "ää…")

	text = Diff(nil, map[string]any{"list": strings.Split(strings.Repeat("x,", 5000), ",")}).text()
	require.Contains(t, text, `…20`, "how long it is")
	require.Less(t, len(text), 100)

	many := map[string]any{}
	for i := range 500 {
		many[fmt.Sprintf("%03d%s", i, long)] = long
	}
	text = Diff(nil, many).text()
	require.LessOrEqual(t, len(text), maxChanges)
	require.Greater(t, len(text), maxChanges/2)
	var kept map[string]Change
	require.NoError(t, json.Unmarshal([]byte(text), &kept))
	require.Equal(t, fmt.Sprintf("%d more", 500-len(kept)+1), kept["…"].New)
	for name := range kept {
		require.LessOrEqual(t, len([]rune(name)), maxText)
	}
}

// Whatever a text is called: what has the form of a secret is none of the log's.
func TestTextsWithTheFormOfASecret(t *testing.T) {
	for _, secret := range []string{"https://user:hunter22@example.com", "Bearer abcdefghijklmnopqrstuvwxyz", "sk-abcdefghijklmnopqrstuvwx", "$2b$13$abcdefghijklmnopqrstuv"} {
		text := Diff(map[string]any{"note": "x"}, map[string]any{"note": secret, "list": []any{map[string]any{"of": secret, "password": "open"}}}).text()
		for _, part := range []string{"hunter22", "abcdefghijkl", "open"} {
			require.NotContains(t, text, part)
		}
	}
}

func TestEventsAreClean(t *testing.T) {
	e := Event{Action: "a\x00b", Failure: strings.Repeat("x", 999), Target: Target{"t", strings.Repeat("i", 999), "Ann\u202e\r\n<b>"}}.clean()
	require.Equal(t, "ab", e.Action)
	require.Equal(t, strings.Repeat("x", MaxReason-1)+"…", e.Failure)
	require.Len(t, []rune(e.Target.ID), MaxID)
	require.Equal(t, "Ann", e.Target.Name)
	require.Equal(t, "ääää", cut("ääää", 4))
	require.Equal(t, "äää…", cut("äääää", 4))
}
