package modules_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
	"portico.internal/platform/web"
)

// actor is somebody who sends requests.
type actor struct {
	name          string
	token         string
	live          bool // the token is that of an account that works
	admin         bool
	member, leads bool // of the group staff

	id, email, password string
}

// passes tells whether the guard lets the actor in.
func (a *actor) passes(r *fuzzRoute) bool {
	switch {
	case r.internal:
		return a.token == serviceToken
	case r.access == web.Public:
		return true
	}
	return a.live && (a.admin || r.access == web.User)
}

// canary is part of every secret: of passwords, keys and tokens that are not the gateway's own.
const canary = "Kx7Canary9"

// people are all who call the public door.
func (f *fuzz) people(t *testing.T) {
	deleted, inactive := &actor{name: "deleted"}, &actor{name: "inactive"}
	for _, a := range []*actor{deleted, inactive} {
		f.enrol(t, a)
	}
	f.keep(t, http.MethodDelete, "/api/admin/users/"+deleted.id, "", http.StatusNoContent)
	f.keep(t, http.MethodPatch, "/api/admin/users/"+inactive.id+"/active", `{"is_active":false}`, http.StatusOK)
	now, keeper := time.Now(), f.gen.Pool.Forbidden[1]
	expired := jwtOf(t, gatewaytest.PrivateKey, keeper, now.Add(-3*time.Hour), now.Add(-time.Hour))
	endless := jwtOf(t, gatewaytest.PrivateKey, keeper, now, now.Add(24*365*time.Hour))
	f.actors = []*actor{
		{name: "nobody"}, {name: "nonsense", token: "nonsense"}, {name: "expired", token: expired}, {name: "endless", token: endless},
		{name: "forged", token: strings.Split(expired, ".")[0] + "." + strings.Split(endless, ".")[1] + "." + strings.Split(expired, ".")[2]},
		{name: "service", token: serviceToken}, deleted, inactive,
		{name: "user", live: true}, {name: "member", live: true, member: true}, {name: "leader", live: true, member: true, leads: true},
		{name: "superuser", live: true, admin: true},
	}
	for _, a := range f.actors {
		if a.live {
			f.enrol(t, a)
		}
	}
	super := f.actors[len(f.actors)-1]
	f.services = []*actor{{name: "nobody"}, {name: "nonsense", token: "nonsense"}, super, {name: "service", token: serviceToken, live: true}}
}

// enrol gives an actor a new account.
func (f *fuzz) enrol(t *testing.T, a *actor) {
	t.Helper()
	f.enrolled++
	a.email, a.password = fmt.Sprintf("%s-%d@example.com", a.name, f.enrolled), fmt.Sprintf("%s!%d", canary, f.enrolled)
	a.id = id(t, f.Call(t, testkit.Request{Method: http.MethodPost, Path: "/api/auth/register", Body: fmt.Sprintf(`{"email":%q,"password":%q}`, a.email, a.password)}))
	a.token = f.SignIn(t, a.email, a.password)
	if a.admin {
		f.keep(t, http.MethodPatch, "/api/admin/users/"+a.id, `{"is_admin":true}`, http.StatusOK)
	}
	if a.member {
		f.join(t, a)
	}
}

func (f *fuzz) join(t *testing.T, a *actor) {
	t.Helper()
	var staff []struct{ ID, Name string }
	require.NoError(t, json.Unmarshal([]byte(f.keep(t, http.MethodGet, "/api/admin/groups?q=staff&limit=1000", "", http.StatusOK)), &staff))
	group := ""
	for _, g := range staff {
		if strings.EqualFold(g.Name, "staff") {
			group = g.ID
		}
	}
	if group == "" {
		var made struct{ ID string }
		require.NoError(t, json.Unmarshal([]byte(f.keep(t, http.MethodPost, "/api/admin/groups", `{"name":"staff"}`, http.StatusCreated)), &made))
		group = made.ID
	}
	path := "/api/admin/groups/" + group + "/members/" + a.id
	f.keep(t, http.MethodPost, path, "", http.StatusCreated)
	if a.leads {
		f.keep(t, http.MethodPatch, path+"/admin", `{"is_group_admin":true}`, http.StatusOK)
	}
}

// keep is what the keeper does, a superuser whom no request can name.
func (f *fuzz) keep(t *testing.T, method, path, body string, status int) string {
	t.Helper()
	r := f.Call(t, testkit.Request{Method: method, Path: path, As: root, Body: body})
	require.Equal(t, status, r.Status, "%s %s: %s", method, path, r.Body)
	return r.Body
}

// mend gives actors new accounts where a request has changed what theirs are.
func (f *fuzz) mend(t *testing.T, asked asked) {
	path := asked.op.Path
	switch {
	case endsSessions[path]:
		if asked.actor.live {
			f.enrol(t, asked.actor)
		}
		fallthrough // a reset may have been anybody's
	case strings.Contains(path, "/users"), strings.Contains(path, "/groups"):
		for _, a := range f.actors {
			if a.live && !f.stands(t, a) {
				f.enrol(t, a)
			}
		}
	}
}

// endsSessions are paths whose replies hold a new token in place of all before it.
var endsSessions = map[string]bool{"/api/auth/logout-all": true, "/api/users/me/password": true, "/api/auth/reset": true}

// stands tells whether an actor is what it is to be.
func (f *fuzz) stands(t *testing.T, a *actor) bool {
	t.Helper()
	me := f.Call(t, testkit.Request{Method: http.MethodGet, Path: "/api/users/me", Token: a.token})
	var account struct {
		IsAdmin bool `json:"is_admin"`
	}
	if me.Status != http.StatusOK || json.Unmarshal([]byte(me.Body), &account) != nil || account.IsAdmin != a.admin {
		return false
	}
	mine := f.Call(t, testkit.Request{Method: http.MethodGet, Path: "/api/users/me/groups", Token: a.token})
	var groups []struct {
		Name         string
		IsGroupAdmin bool `json:"is_group_admin"`
	}
	if mine.Status != http.StatusOK || json.Unmarshal([]byte(mine.Body), &groups) != nil {
		return false
	}
	in, leads := false, false
	for _, g := range groups {
		in, leads = in || strings.EqualFold(g.Name, "staff"), leads || g.IsGroupAdmin
	}
	return a.admin || in == a.member && leads == a.leads
}

// jwtOf signs a token as the gateway does.
func jwtOf(t *testing.T, key, subject string, issued, expires time.Time) string {
	t.Helper()
	block, _ := pem.Decode([]byte(key))
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	require.NoError(t, err)
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"alg":"RS256","typ":"JWT"}`)) + "." +
		encode(fmt.Appendf(nil, `{"sub":%q,"iat":%d,"exp":%d}`, subject, issued.Unix(), expires.Unix()))
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(nil, private.(*rsa.PrivateKey), crypto.SHA256, sum[:])
	require.NoError(t, err)
	return signed + "." + encode(signature)
}
