package docservice

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const settingsPath = "/plugin/settings"

// set changes settings as an administrator.
func (f *fixture) set(patch string) reply {
	f.t.Helper()
	return f.call(root, "PATCH", settingsPath, patch)
}

// unset are the settings that nobody has touched.
const unset = `{"allowed_categories":[],"auto_classify":true,"retention_days":null,"api_key":null}`

func TestManifest(t *testing.T) {
	f := start(t, Config{RequiredGroups: []string{" Records ", "", "g-red"}})
	r := f.call(nobody, "GET", "/plugin/manifest", "").is(200)
	m := decode[Manifest](r)
	require.Equal(t, Feature.Service.ID, m.ID)
	require.True(t, Feature.Service.Plugin)
	require.Equal(t, Feature.Service.Name, m.Name)
	require.NotEmpty(t, m.Version)
	require.NotEmpty(t, m.Description)
	require.Equal(t, []string{"Records", "g-red"}, m.RequiredGroups)
	again := f.request(nobody, "GET", "/plugin/manifest", nil)
	again.Header.Set("If-None-Match", r.header.Get("ETag"))
	f.send(again).is(304)
	require.Equal(t, []string{}, decode[Manifest](start(t, Config{}).call(nobody, "GET", "/plugin/manifest", "").is(200)).RequiredGroups)

	for want, groups := range map[string][]string{"at most 128": {strings.Repeat("x", 129)}, "more than 100": strings.Fields(strings.Repeat("x ", 101))} {
		_, err := New(t.Context(), Config{DataDir: t.TempDir(), RequiredGroups: groups})
		require.ErrorContains(t, err, want)
	}
}

// What the schema promises is what the service holds settings to: the same names, defaults and bounds.
func TestSchemaIsTrue(t *testing.T) {
	var schema struct {
		Additional bool `json:"additionalProperties"`
		Properties map[string]struct {
			Title, Description string
			Default            any
			Minimum, Maximum   *int
			MaxItems           *int
			WriteOnly          bool
		}
	}
	require.NoError(t, json.Unmarshal(settingsSchema, &schema))
	require.False(t, schema.Additional)
	require.Contains(t, string(settingsSchema), `"additionalProperties": false`)
	defaults := map[string]any{}
	for name, p := range schema.Properties {
		require.NotEmpty(t, p.Title, name)
		require.NotEmpty(t, p.Description, name)
		defaults[name] = p.Default
	}
	text, err := json.Marshal(defaults)
	require.NoError(t, err)
	require.JSONEq(t, unset, string(text))
	patch := reflect.TypeFor[SettingsPatch]()
	for _, field := range reflect.VisibleFields(patch) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			continue
		}
		p, there := schema.Properties[name]
		require.True(t, there, name)
		for tag, bound := range map[string]*int{"minimum": p.Minimum, "maximum": p.Maximum, "maxItems": p.MaxItems} {
			want := ""
			if bound != nil {
				want = fmt.Sprint(*bound)
			}
			require.Equal(t, want, field.Tag.Get(tag), "%s of %s", tag, name)
		}
		require.Equal(t, fmt.Sprint(p.WriteOnly), fmt.Sprint(field.Tag.Get("writeOnly") == "true"), name)
		delete(schema.Properties, name)
	}
	require.Empty(t, schema.Properties)
}

// The gateway judges who may change settings; where nobody but superusers may, the service knows that too.
func TestSettingsAccess(t *testing.T) {
	closed, open := start(t, Config{}), start(t, Config{RequiredGroups: []string{"Records"}})
	unknown := closed.call(ann, "GET", "/plugin/nothing", "").is(404).body
	for _, method := range []string{"GET", "PATCH", "POST", "DELETE"} {
		require.Equal(t, unknown, closed.call(ann, method, settingsPath, `{`).is(404).body)
		closed.call(nobody, method, settingsPath, "").is(401)
		open.call(nobody, method, settingsPath, "").is(401)
	}
	open.call(ann, "PATCH", settingsPath, `{"auto_classify":false}`).is(200, `"auto_classify":false`)
	closed.set(`{"auto_classify":false}`).is(200)
}

func TestSettings(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		get := func() reply { return f.call(root, "GET", settingsPath, "").is(200) }
		require.Equal(t, unset, get().body)
		require.Equal(t, unset, f.set(`{}`).is(200).body)
		first := get().header.Get("ETag")
		require.Equal(t, first, f.set(`{}`).header.Get("ETag"))

		f.set(`{"retention_days":30,"allowed_categories":[" Invoices ","Plans","Invoices"]}`).is(200)
		const both = `{"allowed_categories":["Invoices","Plans"],"auto_classify":true,"retention_days":30,"api_key":null}`
		require.Equal(t, both, get().body)
		require.NotEqual(t, first, get().header.Get("ETag"))
		f.set(`{"auto_classify":false,"allowed_categories":[]}`).is(200, `"auto_classify":false`, `"allowed_categories":[]`, `"retention_days":30`)
		f.close()
		f.open()
		require.Contains(t, get().body, `"auto_classify":false`, "it lasts")
		require.Equal(t, unset, f.set(`{"auto_classify":null,"allowed_categories":null,"retention_days":null,"api_key":null}`).is(200).body, "null brings the default back")

		match := func(tag string) reply {
			r := f.request(root, "PATCH", settingsPath, strings.NewReader(`{"retention_days":7}`))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("If-Match", tag)
			return f.send(r)
		}
		match(first).is(412)
		match(`"nonsense"`).is(412)
		require.Equal(t, unset, get().body)
		now := get().header.Get("ETag")
		require.NotEqual(t, now, match(now).is(200, `"retention_days":7`).header.Get("ETag"))
		match(now).is(412)
		match("*").is(200)
	})
}

func TestSettingsRefused(t *testing.T) {
	g := newFakeGateway(t)
	g.use(newFakeAI(t))
	f := start(t, Config{Gateway: g.at()})
	for body, want := range map[string]string{
		`[]`: `"loc":["body"]`, `"x"`: `"loc":["body"]`, `null`: `"missing"`, ``: `"missing"`, `{`: `"json_invalid"`,
		`{"retention_days":1,"retention_days":2}`:                         `"json_invalid"`,
		`{"retention_days":0}`:                                            `"loc":["body","retention_days"],"msg":"Input should be greater than or equal to 1","input":0`,
		`{"retention_days":36501}`:                                        `"loc":["body","retention_days"]`,
		`{"retention_days":1.5}`:                                          `"int_from_float"`,
		`{"retention_days":"7"}`:                                          `"int_type"`,
		`{"retention_days":true}`:                                         `"int_type"`,
		`{"auto_classify":"perhaps"}`:                                     `"loc":["body","auto_classify"]`,
		`{"allowed_categories":"Plans"}`:                                  `"list_type"`,
		`{"allowed_categories":["ok",7]}`:                                 `"loc":["body","allowed_categories",1]`,
		`{"allowed_categories":[" "]}`:                                    `"loc":["body","allowed_categories",0]`,
		`{"allowed_categories":["` + strings.Repeat("x", 129) + `"]}`:     `"loc":["body","allowed_categories",0]`,
		`{"allowed_categories":[` + strings.Repeat(`"x",`, 200) + `"x"]}`: `"too_long"`,
		`{"api_key":7}`:                                                   `"string_type"`,
		`{"api_key":""}`:                                                  `"loc":["body","api_key"]`,
		`{"api_key":"` + canaryWord + ` with blanks"}`:                    `"loc":["body","api_key"]`,
		`{"api_key":"` + strings.Repeat(canaryWord, 100) + `"}`:           `"loc":["body","api_key"]`,
		`{"api_key":"********9c12"}`:                                      `is a mask`,
		`{"api_key":"ok-` + canaryWord + `","retention_days":0}`:          `"loc":["body","retention_days"]`,
		`{"colour":"red"}`:                                                `{"type":"extra_forbidden","loc":["body","colour"],"msg":"Extra inputs are not permitted","input":null}`,
		`{"apikey":"` + canaryWord + `"}`:                                 `"loc":["body","apikey"]`,
		`{"API_KEY":"` + canaryWord + `"}`:                                `"loc":["body","API_KEY"]`,
	} {
		r := f.set(body).is(422, want)
		require.NotContains(t, r.body, canaryWord)
		require.Equal(t, unset, f.call(root, "GET", settingsPath, "").is(200).body, "nothing of what is refused is kept")
	}
	r := f.request(root, "PATCH", settingsPath, strings.NewReader(`{"retention_days":7}`))
	f.send(r).is(422) // no JSON by its type
}

// Changes of different settings at the same time all survive.
func TestSettingsRace(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, _ *fakeGateway, _ *fakeAI) {
		for round := range 10 {
			patches := []string{
				fmt.Sprintf(`{"retention_days":%d}`, round+1), fmt.Sprintf(`{"auto_classify":%t}`, round%2 == 0),
				fmt.Sprintf(`{"allowed_categories":["c%d"]}`, round), fmt.Sprintf(`{"api_key":"key-%d"}`, round),
			}
			var all sync.WaitGroup
			for _, patch := range patches {
				all.Go(func() { f.set(patch).is(200) })
			}
			all.Wait()
			f.call(root, "GET", settingsPath, "").is(200, fmt.Sprintf(`{"allowed_categories":["c%d"],"auto_classify":%t,"retention_days":%d,"api_key":"key-%d"}`, round, round%2 == 0, round+1, round))
		}
		var stored settingsRow
		require.NoError(t, f.db.Take(&stored).Error)
		require.EqualValues(t, 40, stored.Version)
	})
}

// Of many who go by the same tag one wins.
func TestSettingsRaceForOneTag(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		tag := f.call(root, "GET", settingsPath, "").is(200).header.Get("ETag")
		statuses := make([]int, 10)
		var all sync.WaitGroup
		for i := range statuses {
			all.Go(func() {
				r := f.request(root, "PATCH", settingsPath, strings.NewReader(fmt.Sprintf(`{"retention_days":%d}`, i+1)))
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("If-Match", tag)
				statuses[i] = f.send(r).status
			})
		}
		all.Wait()
		count := map[int]int{}
		for _, s := range statuses {
			count[s]++
		}
		require.Equal(t, map[int]int{200: 1, 412: 9}, count)
	})
}

// What another version has stored is not shown, keeps nobody from saving, stays, and can be removed.
func TestSettingsOfAnotherVersion(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		stored := func() string {
			var row settingsRow
			require.NoError(t, f.db.Take(&row).Error)
			return row.Value
		}
		store := func(value string) {
			require.NoError(t, f.db.Model(&settingsRow{}).Where("id = 1").UpdateColumn("value", value).Error)
		}
		store(`{"gone":{"secret":["x"]},"retention_days":9,"webhook_secret":"` + canaryWord + `"}`)
		require.NotContains(t, f.call(root, "GET", settingsPath, "").is(200, `"retention_days":9`).body, canaryWord)
		require.NotContains(t, f.set(`{"auto_classify":false}`).is(200, `"retention_days":9`).body, canaryWord)
		require.JSONEq(t, `{"gone":{"secret":["x"]},"retention_days":9,"auto_classify":false,"webhook_secret":"`+canaryWord+`"}`, stored())
		f.set(`{"webhook_secret":"other"}`).is(422, "extra_forbidden")
		f.set(`{"webhook_secret":null,"never_there":null}`).is(200)
		require.JSONEq(t, `{"gone":{"secret":["x"]},"retention_days":9,"auto_classify":false}`, stored())

		store(`{"retention_days":11}`) // by another process
		now, err := f.settings.read(t.Context())
		require.NoError(t, err)
		require.Equal(t, 11, *now.RetentionDays)
	})
}
