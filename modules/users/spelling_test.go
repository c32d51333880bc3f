package users_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/users"
	"portico.internal/platform/testkit"
)

// inherited makes an account as another program does that knows no canonical form and no key.
func (g town) inherited(t *testing.T, email string) (id string) {
	t.Helper()
	return g.settle(t, email, func(u *users.User) {
		u.EmailKey = nil
		u.CreatedAt = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(g.count(t, "users")) * time.Hour)
	})
}

// signedIn returns who somebody who types that address is.
func (g town) signedIn(t *testing.T, spelling string) (id, email string) {
	t.Helper()
	r := g.Call(t, withToken(g.SignIn(t, spelling, testkit.Password), "GET", "/api/users/me"))
	require.Equal(t, 200, r.Status, r.Body)
	me := object(t, r.Body)
	return me["id"].(string), me["email"].(string)
}

// Accounts that another program has made keep their spelling, are found in any, and leave no room for a second account.
func TestAddressesOfAnotherProgram(t *testing.T) {
	eachTown(t, func(t *testing.T, g town) {
		for email, spellings := range map[string][]string{
			"Grace.Hopper@example.com": {"grace.hopper@example.com", "Grace.Hopper@example.com", " GRACE.HOPPER@EXAMPLE.COM "},
			"ada@Example.COM":          {"ada@Example.COM", "ada@example.com", "Ada@example.com"},
			"björn@bücher.example":     {"björn@bücher.example", "BJÖRN@BÜCHER.example", "björn@xn--bcher-kva.example", "bjo\u0308rn@bu\u0308cher.example"},
			"Operator@LOCALHOST":       {"Operator@LOCALHOST", "operator@localhost", "OPERATOR@localhost"},
			"plain@example.com":        {"Plain@Example.com", "plain@example.com"},
		} {
			id := g.inherited(t, email)
			before := g.row(t, id)
			for _, spelling := range spellings {
				who, shown := g.signedIn(t, spelling)
				require.Equal(t, []string{id, email}, []string{who, shown}, spelling)
				for _, r := range []testkit.Request{
					request("POST", "/api/auth/register", "", `{"email":"`+spelling+`","password":"`+newPassword+`"}`),
					request("POST", adminUsers, root, `{"email":"`+spelling+`","password":"`+newPassword+`"}`),
				} {
					reply := g.Call(t, r)
					if users.EmailKey(email) == "operator@localhost" {
						require.Equal(t, 422, reply.Status, "nobody can take it today")
						continue
					}
					require.Equal(t, 400, reply.Status, spelling)
					require.JSONEq(t, `{"detail":"Email already registered"}`, reply.Body)
				}
			}
			before["email_key"] = users.EmailKey(email)
			require.Equal(t, before, g.row(t, id), "it has its key now, and is what it was")
		}
	})
}

// What tells two old accounts apart is their spelling. Any other is the older one's.
func TestAddressesThatDifferByCase(t *testing.T) {
	eachTown(t, func(t *testing.T, g town) {
		older, younger := g.inherited(t, "Alan.Turing@example.com"), g.inherited(t, "alan.turing@example.com")
		idOf := func(spelling string) string {
			id, _ := g.signedIn(t, spelling)
			return id
		}
		for range 2 { // without keys, and with them
			require.Equal(t, older, idOf("Alan.Turing@example.com"))
			require.Equal(t, younger, idOf("alan.turing@example.com"))
			require.Equal(t, older, idOf("ALAN.TURING@example.com"))
		}
		patch := func(id, body string) testkit.Reply {
			return g.Call(t, request("PATCH", adminUsers+"/"+id, root, body))
		}
		register := func() int {
			return g.Call(t, request("POST", "/api/auth/register", "", `{"email":"Alan.Turing@Example.com","password":"`+newPassword+`"}`)).Status
		}

		r := patch(older, `{"email":"alan.turing@example.com","full_name":"Alan"}`)
		require.Equal(t, 200, r.Status, "a form that sends back what it was given changes the name alone")
		require.Contains(t, r.Body, `"email":"Alan.Turing@example.com","full_name":"Alan"`)
		g.inherited(t, "Grace.Hopper@example.com")
		for _, taken := range []string{"ALAN.turing@example.com", "grace.hopper@example.com"} {
			require.Equal(t, 400, patch(g.id(t, ann), `{"email":"`+taken+`"}`).Status, taken)
		}
		require.Equal(t, 400, register())

		require.Equal(t, 200, patch(older, `{"email":"alan@example.com"}`).Status)
		require.Equal(t, older, idOf("Alan@example.com"))
		require.Equal(t, "alan@example.com", g.row(t, older)["email_key"])
		require.Equal(t, younger, idOf("ALAN.TURING@example.com"), "who remains has it alone")
		require.Equal(t, 400, register())
		require.Equal(t, http.StatusNoContent, g.Call(t, request("DELETE", adminUsers+"/"+younger, root)).Status)
		require.Equal(t, 201, register())
	})
}
