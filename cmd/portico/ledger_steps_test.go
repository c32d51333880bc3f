package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
)

const asJSON = "application/json"

// A palette that every theme of these tests has, but for its primary colour.
const palette = `"on_primary":"#fff","secondary":"#333","background":"#fff","surface":"#fff","on_surface":"#000",` +
	`"muted":"#444","border":"#888","accent":"#333","success":"#141","warning":"#440","danger":"#400"`

// step does one thing and waits for the answer.
func (r *resident) step(g *gateway, admin string) error {
	value := uuid.NewString()
	call := func(method, path, token, body string) func() (int, string, error) {
		return func() (int, string, error) { return g.send(method, path, token, asJSON, body) }
	}
	switch rand.IntN(6) {
	case 0:
		return r.change(r.name+" position", value, call("PUT", "/api/profile/me", r.token, `{"position":"`+value+`"}`))
	case 1:
		return r.change(r.name+" apps", value, call("PATCH", "/api/users/me/preferences", r.token, `{"app_ids":["`+value+`"]}`))
	case 2:
		return r.group(call, admin, value)
	case 3:
		return r.theme(call, admin, value)
	case 4:
		return r.common(call, admin)
	}
	return r.document(g, call, value)
}

type caller = func(method, path, token, body string) func() (int, string, error)

// pick returns a key of the kind that is certain to be there, empty where there is none.
func (r *resident) pick(kind string) string {
	var keys []string
	for key := range r.may {
		if strings.HasPrefix(key, kind+" ") && r.certain(key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return ""
	}
	return keys[rand.IntN(len(keys))]
}

// count is how many things of the kind are certain to be there.
func (r *resident) count(kind string) (count int) {
	for key := range r.may {
		if strings.HasPrefix(key, kind+" ") && r.certain(key) {
			count++
		}
	}
	return count
}

// fresh returns the key of something new, and its name.
func (r *resident) fresh(kind string) (key, name string) {
	r.made++
	name = fmt.Sprintf("%s's %d", r.name, r.made)
	return kind + " " + name, name
}

// make sends what makes something that is given an id.
func (r *resident) make(key, content string, send func() (int, string, error)) error {
	return r.change(key, content, func() (status int, reply string, err error) {
		status, reply, err = send()
		var made struct{ ID string }
		if status == http.StatusCreated || status == http.StatusAccepted {
			err = json.Unmarshal([]byte(reply), &made)
		}
		r.ids[key] = made.ID
		return status, reply, err
	})
}

// group makes a group, describes it, is made a member of it, runs it, or has it deleted, with the membership.
func (r *resident) group(call caller, admin, value string) error {
	key := r.pick("group")
	if key == "" {
		key, name := r.fresh("group")
		return r.make(key, value, call("POST", "/api/admin/groups", admin, `{"name":"`+name+`","description":"`+value+`"}`))
	}
	path, member := "/api/admin/groups/"+r.ids[key], "member of "+key
	switch rand.IntN(5) {
	case 0:
		err := r.change(key, absent, call("DELETE", path, admin, ""))
		if r.may[member] != nil {
			r.doubt(member, absent)
		}
		if !errors.Is(err, errLost) && len(r.may[key]) == 1 {
			r.may[member] = []string{absent}
		}
		return err
	case 1:
		return r.change(key, value, call("PATCH", path, admin, `{"description":"`+value+`"}`))
	}
	path += "/members/" + r.id
	switch {
	case slices.Equal(r.may[member], []string{absent}) || r.may[member] == nil:
		return r.change(member, "false", call("POST", path, admin, ""))
	case !r.certain(member):
		return nil
	case rand.IntN(2) == 0:
		return r.change(member, "true", call("PATCH", path+"/admin", admin, `{"is_group_admin":true}`))
	}
	return r.change(member, absent, call("DELETE", path, admin, ""))
}

// theme makes a theme, alters it or deletes it.
func (r *resident) theme(call caller, admin, value string) error {
	colour := "#" + value[:6]
	key := r.pick("theme")
	switch path := "/api/settings/themes/" + r.ids[key]; {
	case key == "":
		key, name := r.fresh("theme")
		mode := `{"primary":"` + colour + `",` + palette + `}`
		return r.make(key, colour, call("POST", "/api/settings/themes", admin, `{"label":"`+name+`","colors":{"light":`+mode+`,"dark":`+mode+`}}`))
	case rand.IntN(3) == 0:
		return r.change(key, absent, call("DELETE", path, admin, ""))
	default:
		return r.change(key, colour, call("PATCH", path, admin, `{"colors":{"light":{"primary":"`+colour+`"}}}`))
	}
}

// common changes what there is only one of, so each of it is in the ledger of one resident.
func (r *resident) common(call caller, admin string) error {
	switch r.name {
	case "resident-0":
		mb := fmt.Sprint(1 + rand.IntN(500))
		return r.change("limit", mb, call("PATCH", "/api/settings/documents/limits", admin, `{"max_pdf_mb":`+mb+`}`))
	case "resident-1":
		mode := []string{"light", "dark", "system"}[rand.IntN(3)]
		return r.change("mode", mode, call("PATCH", "/api/settings/appearance", admin, `{"default_mode":"`+mode+`"}`))
	case "resident-2":
		if key := r.pick("account"); key != "" {
			return r.change(key, absent, call("DELETE", "/api/admin/users/"+r.ids[key], admin, ""))
		}
		key, name := r.fresh("account")
		email := strings.ReplaceAll(strings.ReplaceAll(name, "'s ", "-"), " ", "-") + "@example.com"
		return r.make(key, email, call("POST", "/api/admin/users", admin, `{"email":"`+email+`","password":"Gr8&Sturdy!bridge","full_name":"`+name+`"}`))
	}
	return nil
}

const enough = 10 // documents of one resident

// document uploads a document or deletes one.
func (r *resident) document(g *gateway, call caller, value string) error {
	if key := r.pick("document"); key != "" && rand.IntN(enough) < r.count("document") {
		return r.change(key, absent, call("DELETE", "/api/documents/"+r.ids[key], r.token, ""))
	}
	key, name := r.fresh("document")
	content := string(pdf(value, 1, rand.IntN(50_000)))
	kind, body := titled(name, content)
	return r.make(key, digest(content), func() (int, string, error) {
		return g.send("POST", "/api/documents", r.token, kind, body)
	})
}

func digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// titled is an upload of a document whose title somebody has given.
func titled(title, content string) (kind, body string) {
	const edge = "edge-of-a-part"
	return "multipart/form-data; boundary=" + edge,
		"--" + edge + "\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n" + title +
			"\r\n--" + edge + "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\r\n" + content + "\r\n--" + edge + "--\r\n"
}
