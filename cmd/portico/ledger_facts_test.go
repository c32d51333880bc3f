package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// fact is what can be seen of something under its key, and the id that the gateway has given it.
type fact struct{ content, id string }

// send calls the API and fails only where there is no answer.
func (g *gateway) send(method, path, token, kind, body string) (status int, reply string, err error) {
	req, err := http.NewRequest(method, g.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		req.Header.Set("Content-Type", kind)
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}

// ask reads what must be there.
func ask[T any](g *gateway, token, path string) (v T, err error) {
	status, reply, err := g.send(http.MethodGet, path, token, "", "")
	switch {
	case err != nil:
		return v, fmt.Errorf("GET %s: %w: %w", path, errLost, err)
	case status != http.StatusOK:
		return v, fmt.Errorf("GET %s: %d %s", path, status, reply)
	}
	return v, json.Unmarshal([]byte(reply), &v)
}

// shown is everything that residents can have left, under the keys of their ledgers.
func (w *workspace) shown(g *gateway) (map[string]fact, error) {
	shown := map[string]fact{}
	for _, read := range []func(*gateway, map[string]fact) error{w.people, w.groups, w.settings, w.documents} {
		if err := read(g, shown); err != nil {
			return nil, err
		}
	}
	return shown, nil
}

func (w *workspace) people(g *gateway, shown map[string]fact) error {
	for _, r := range w.all {
		profile, err := ask[struct{ Position string }](g, r.token, "/api/profile/me")
		if err != nil {
			return err
		}
		apps, err := ask[struct {
			AppIDs []string `json:"app_ids"`
		}](g, r.token, "/api/users/me/preferences")
		if err != nil {
			return err
		}
		if profile.Position != absent {
			shown[r.name+" position"] = fact{content: profile.Position}
		}
		if len(apps.AppIDs) > 0 {
			shown[r.name+" apps"] = fact{content: apps.AppIDs[0]}
		}
	}
	users, err := ask[[]struct {
		ID, Email string
		FullName  *string `json:"full_name"`
	}](g, w.admin, "/api/admin/users")
	for _, u := range users {
		if u.FullName != nil {
			shown["account "+*u.FullName] = fact{u.Email, u.ID}
		}
	}
	return err
}

func (w *workspace) groups(g *gateway, shown map[string]fact) error {
	type group struct {
		ID, Name, Description string
		Count                 int `json:"member_count"`
		Members               []struct {
			UserID string `json:"user_id"`
			Admin  bool   `json:"is_group_admin"`
		}
	}
	list, err := ask[[]group](g, w.admin, "/api/admin/groups")
	if err != nil {
		return err
	}
	for _, one := range list {
		whole, err := ask[group](g, w.admin, "/api/admin/groups/"+one.ID)
		if err != nil {
			return err
		}
		if whole.Count != len(whole.Members) || len(whole.Members) > 1 {
			return fmt.Errorf("group %s: %d members are counted, and %v listed", one.Name, whole.Count, whole.Members)
		}
		key := "group " + one.Name
		shown[key] = fact{one.Description, one.ID}
		for _, m := range whole.Members {
			shown["member of "+key] = fact{content: fmt.Sprint(m.Admin)}
		}
	}
	return nil
}

func (w *workspace) settings(g *gateway, shown map[string]fact) error {
	type modes struct{ Light struct{ Primary string } }
	themes, err := ask[[]struct {
		ID, Label string
		Builtin   bool `json:"is_builtin"`
		Colors    modes
	}](g, w.admin, "/api/settings/themes")
	if err != nil {
		return err
	}
	for _, one := range themes {
		if !one.Builtin {
			shown["theme "+one.Label] = fact{one.Colors.Light.Primary, one.ID}
		}
	}
	limits, err := ask[struct {
		MB int `json:"max_pdf_mb"`
	}](g, w.admin, "/api/settings/documents/limits")
	if err != nil {
		return err
	}
	appearance, err := ask[struct {
		Mode string `json:"default_mode"`
	}](g, w.admin, "/api/settings/appearance")
	shown["limit"], shown["mode"] = fact{content: fmt.Sprint(limits.MB)}, fact{content: appearance.Mode}
	return err
}

// documents reads all of each document.
func (w *workspace) documents(g *gateway, shown map[string]fact) error {
	list, err := ask[[]struct{ ID, Title string }](g, w.admin, "/api/documents")
	if err != nil {
		return err
	}
	for _, d := range list {
		status, content, err := g.send(http.MethodGet, "/api/documents/"+d.ID+"/content", w.admin, "", "")
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%d %s", status, content)
		}
		if err != nil {
			return fmt.Errorf("the content of the document %s: %w", d.Title, err)
		}
		shown["document "+d.Title] = fact{digest(content), d.ID}
	}
	return nil
}
