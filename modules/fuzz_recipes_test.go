package modules_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"testing"

	"portico.internal/platform/testkit"
	"portico.internal/platform/testkit/specfuzz"
)

// slowRoutes wait, as for the second to end in which a session was ended before, or keep the machine busy afterwards.
var slowRoutes = map[string]bool{
	"POST /api/auth/logout-all": true, "POST /api/auth/reset": true, "POST /api/users/me/password": true,
	"POST /api/admin/storage-config/migrate": true, "POST /api/documents/{id}/classify": true,
}

// next are routes that come into their own only just after another one.
var next = map[string][]string{
	"POST /api/admin/storage-config/migrate":            {"DELETE /api/admin/storage-config/migrate"},
	"POST /api/admin/groups/{id}/members/{user_id}":     {"PATCH /api/admin/groups/{id}/members/{user_id}/admin", "DELETE /api/groups/{id}/members/{user_id}"},
	"POST /api/documents/{id}/categories/{category_id}": {"DELETE /api/documents/{id}/categories/{category_id}"},
}

// teach tells the generator what the documents leave open.
func (f *fuzz) teach(t *testing.T, s *fuzzServices) {
	texts := map[string]func(*specfuzz.Generator) string{}
	known := func(kind string, otherwise func(*specfuzz.Generator) string) func(*specfuzz.Generator) string {
		return func(g *specfuzz.Generator) string {
			if value := g.Pool.Pick(g.Rand, kind); value != "" && g.IntN(3) > 0 {
				return value
			}
			return otherwise(g)
		}
	}
	one := func(values ...string) func(*specfuzz.Generator) string {
		return func(g *specfuzz.Generator) string { return g.Pick(values...) }
	}
	address := func(g *specfuzz.Generator) string { return g.Word(9) + "@example.com" }
	word := func(g *specfuzz.Generator) string { return g.Word(1 + g.IntN(12)) }
	secret := func(g *specfuzz.Generator) string { return canary + "!" + g.Word(8) }
	texts["email"], texts["username"] = known("email", address), known("email", address)
	for _, name := range []string{"name", "label", "title", "full_name", "position", "address", "description", "prompt", "model", "?q", "?prefix", "?after", "?key"} {
		texts[name] = known("name", word)
	}
	texts["?key"], texts["?after"], texts["?category"] = known("key", one("ai", "appearance")), known("objects", word), known("categories", word)
	for _, name := range []string{"password", "new_password", "api_key", "secret_access_key"} {
		texts[name] = secret
	}
	texts["account_key"] = one(canary + "AA")
	texts["token"] = func(g *specfuzz.Generator) string { return g.Pool.Pick(g.Rand, "token") }
	texts["current_password"] = func(*specfuzz.Generator) string { return f.now.password }
	texts["phone"] = one("+49 (0)30 123-456", "12345")
	texts["add"], texts["remove"] = known("users", address), known("email", address)
	texts["theme_id"], texts["themes/id"] = known("themes", one("default")), known("themes", one("default"))
	texts["shared_group_ids"], texts["category_ids"] = known("groups", word), known("categories", word)
	texts["allowed_categories"] = known("categories", word)
	texts["base_url"], texts["endpoint"] = one(s.ai, s.ai+"/v1", "http://127.0.0.1:1"), one("http://127.0.0.1:1")
	texts["root"] = one("objects", "objects-a", "objects-b", "../elsewhere", "objects/inside")
	texts["bucket"], texts["region"], texts["account"], texts["container"] = one("bucket"), one("eu-central-1"), one("account"), one("container")
	texts["members/user_id"] = known("users", word)
	texts["plugins/id"] = func(g *specfuzz.Generator) string {
		f.plugin = g.Pick("notes", "notes", "notes", "doc-service", "doc-service", "broken")
		return f.plugin
	}
	texts["system-prompts/service_id"] = one("notes", "doc-service", "broken")
	texts["objects/key"] = one("a", "a/b", "folder/c", "folder/d e", "folder/\u00e9") // not those of other services, which would miss them
	texts["documents/path"] = known("documents", one("categories"))
	inside := func(below string) func(*specfuzz.Generator) string {
		return func(g *specfuzz.Generator) string { return g.Pool.Pick(g.Rand, "documents") + below }
	}
	texts["HEAD documents/path"], texts["PUT documents/path"] = inside("/content"), inside("/categories")
	f.gen.Texts = texts
	f.gen.Bodies = f.bodies(t, s)
}

func (f *fuzz) bodies(t *testing.T, s *fuzzServices) map[string]func(*specfuzz.Generator) (string, []byte) {
	form := func(g *specfuzz.Generator) (string, []byte) {
		who := f.actors[g.IntN(len(f.actors))]
		return "application/x-www-form-urlencoded", []byte(url.Values{"username": {who.email}, "password": {who.password}}.Encode())
	}
	return map[string]func(*specfuzz.Generator) (string, []byte){
		"POST /api/auth/login": form,
		"PATCH /api/plugins/{id}/settings": func(g *specfuzz.Generator) (string, []byte) {
			return "application/json", g.Value(s.schemas[f.plugin])
		},
		"POST /api/admin/storage-config/migrate": func(g *specfuzz.Generator) (string, []byte) {
			return "application/json", fmt.Appendf(nil, `{"backend":"local","config":{"root":%q}}`, f.gen.Texts["root"](g))
		},
		"PATCH /api/admin/storage-config": func(*specfuzz.Generator) (string, []byte) {
			var is struct{ Config json.RawMessage }
			r := f.Call(t, testkit.Request{Method: http.MethodGet, Path: "/api/admin/storage-config", As: root})
			_ = json.Unmarshal([]byte(r.Body), &is)
			return "application/json", fmt.Appendf(nil, `{"config":%s}`, is.Config)
		},
		"POST /api/documents": uploadForm,
		"PUT /api/documents/{path}": func(*specfuzz.Generator) (string, []byte) {
			return "application/json", []byte(`{"category_ids":[]}`)
		},
		"POST /api/documents/{path}": func(g *specfuzz.Generator) (string, []byte) {
			return "application/json", fmt.Appendf(nil, `{"name":%q}`, g.Word(9)) // of a category
		},
		"PUT /internal/storage/objects/{key}": func(g *specfuzz.Generator) (string, []byte) {
			return g.Pick("application/octet-stream", "text/plain; charset=utf-8", ""), []byte(g.Word(g.IntN(300)))
		},
	}
}

// uploadForm is a form with a document and what may stand beside it.
func uploadForm(g *specfuzz.Generator) (contentType string, body []byte) {
	var out bytes.Buffer
	form := multipart.NewWriter(&out)
	if g.IntN(3) == 0 {
		_ = form.WriteField("title", g.Word(8))
	}
	file, _ := form.CreateFormFile(g.Pick("file", "file", "file", "other"), g.Pick("report.pdf", "../../x.pdf", "\u202Efdp.exe", "a\"b.pdf", "x.txt"))
	content := testkit.PDF(1+g.IntN(3), g.Word(5))
	if g.IntN(4) == 0 {
		content = content[:g.IntN(len(content))]
	}
	_, _ = file.Write(content)
	_ = form.Close()
	return form.FormDataContentType(), out.Bytes()
}

// kept is how many things of a kind a gateway may have; more only make lists long.
const kept = 60

// prune deletes what there is too much of, as the keeper.
func (f *fuzz) prune(t *testing.T) {
	working := map[string]bool{}
	for _, a := range append(f.actors, &actor{id: f.gen.Pool.Forbidden[1]}) {
		working[a.id] = true
	}
	for _, list := range []string{"/api/admin/users", "/api/admin/groups", "/api/settings/themes", "/api/documents", "/api/documents/categories"} {
		var items []struct {
			ID, Name  string
			IsBuiltin bool `json:"is_builtin"`
		}
		_ = json.Unmarshal([]byte(f.keep(t, http.MethodGet, list, "", http.StatusOK)), &items)
		for _, item := range items[:max(0, len(items)-kept)] {
			if !working[item.ID] && !item.IsBuiltin && item.Name != "staff" {
				_ = f.Call(t, testkit.Request{Method: http.MethodDelete, Path: list + "/" + item.ID, As: root})
			}
		}
	}
}
