package groups_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

const (
	root   = gatewaytest.Admin
	ann    = "ann@example.com"
	bob    = "bob@example.com"
	eve    = "eve@example.com"
	admin  = "/api/admin/groups"
	nobody = "00000000-0000-4000-8000-000000000000"

	notFound = `{"detail":"Not Found"}`
)

func call(as, method, path string, body ...string) testkit.Request {
	r := testkit.Request{As: as, Method: method, Path: path}
	if len(body) > 0 {
		r.Body = body[0]
	}
	return r
}

// house is a gateway with what the tests of groups do all the time.
type house struct {
	*testkit.Gateway
	t *testing.T
}

func each(t *testing.T, test func(h *house)) {
	gatewaytest.Each(t, nil, func(t *testing.T, g *testkit.Gateway) { test(&house{g, t}) })
}

// must calls and decodes a reply of that status.
func must[T any](h *house, status int, r testkit.Request) (out T) {
	h.t.Helper()
	reply := h.Call(h.t, r)
	require.Equal(h.t, status, reply.Status, "%s %s: %s", r.Method, r.Path, reply.Body)
	require.NoError(h.t, json.Unmarshal([]byte(reply.Body), &out), reply.Body)
	return out
}

// refused calls and expects the error.
func (h *house) refused(status int, detail string, r testkit.Request) {
	h.t.Helper()
	reply := h.Call(h.t, r)
	require.Equal(h.t, status, reply.Status, "%s %s: %s", r.Method, r.Path, reply.Body)
	require.Equal(h.t, `{"detail":"`+detail+`"}`, reply.Body)
}

func (h *house) gone(r testkit.Request) {
	h.t.Helper()
	reply := h.Call(h.t, r)
	require.Equal(h.t, 204, reply.Status, "%s %s: %s", r.Method, r.Path, reply.Body)
	require.Empty(h.t, reply.Body)
}

type group struct {
	ID, Name    string
	Description *string
	CreatedAt   string `json:"created_at"`
	MemberCount int    `json:"member_count"`
	Members     []member
}

type member struct {
	UserID       string `json:"user_id"`
	Email        string
	IsActive     bool   `json:"is_active"`
	IsGroupAdmin bool   `json:"is_group_admin"`
	JoinedAt     string `json:"joined_at"`
}

func (h *house) group(name string) string {
	h.t.Helper()
	body, _ := json.Marshal(map[string]string{"name": name})
	return must[group](h, 201, call(root, "POST", admin, string(body))).ID
}

func (h *house) user(email string) string {
	h.t.Helper()
	return must[struct{ ID string }](h, 200, call(email, "GET", "/api/users/me")).ID
}

func memberPath(groupID, userID string) string { return admin + "/" + groupID + "/members/" + userID }

func (h *house) join(groupID, userID string) {
	h.t.Helper()
	must[member](h, 201, call(root, "POST", memberPath(groupID, userID)))
}

func (h *house) promote(groupID, userID string, to bool) {
	h.t.Helper()
	require.Equal(h.t, to, must[member](h, 200, call(root, "PATCH", memberPath(groupID, userID)+"/admin", fmt.Sprintf(`{"is_group_admin":%t}`, to))).IsGroupAdmin)
}

// emails are who is in the group, in the order of the reply.
func (h *house) emails(groupID, query string) []string {
	h.t.Helper()
	list := []string{}
	for _, m := range must[group](h, 200, call(root, "GET", admin+"/"+groupID+query)).Members {
		list = append(list, m.Email)
	}
	return list
}
