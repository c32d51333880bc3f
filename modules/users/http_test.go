package users

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/module"
	"portico.internal/platform/testkit"
)

func TestMe(t *testing.T) {
	eachHouse(t, func(h *house) {
		name := "  Ada <b>Lovelace</b> & Co "
		ada, err := h.Register(h.t.Context(), " Ada@Example.COM ", goodPassword, &name)
		require.NoError(h.t, err)
		boss := h.register("boss@example.com")
		h.change(boss.ID, "is_superuser", true)
		for _, c := range []call{
			{"user", ada.ID, "GET", "/api/users/me", "", 200,
				`{"id":"` + ada.ID + `","email":"ada@example.com","full_name":"Ada Lovelace & Co","is_active":true,"is_admin":false,"color_mode":null}`},
			{"admin", boss.ID, "GET", "/api/users/me", "", 200,
				`{"id":"` + boss.ID + `","email":"boss@example.com","full_name":null,"is_active":true,"is_admin":true,"color_mode":null}`},
			{"nobody", "", "GET", "/api/users/me", "", 401, `{"detail":"Not authenticated"}`},
			{"nobody changes", "", "PATCH", "/api/users/me/preferences", "{", 401, `{"detail":"Not authenticated"}`},
			{"nobody chooses", "", "PATCH", "/api/users/me/color-mode", "{}", 401, `{"detail":"Not authenticated"}`},
			{"wrong method", ada.ID, "DELETE", "/api/users/me", "", 405, `{"detail":"Method Not Allowed"}`},
		} {
			h.t.Run(c.name, func(t *testing.T) { h.do(t, c) })
		}
	})
}

func TestColorMode(t *testing.T) {
	eachHouse(t, func(h *house) {
		ada := h.register("ada@example.com")
		me := func(mode string) string {
			return `{"id":"` + ada.ID + `","email":"ada@example.com","full_name":null,"is_active":true,"is_admin":false,"color_mode":` + mode + `}`
		}
		refusal := func(input string) string {
			return `{"detail":[{"type":"literal_error","loc":["body","color_mode"],"msg":"Input should be 'light', 'dark' or 'system'","input":` + input +
				`,"ctx":{"expected":"'light', 'dark' or 'system'"}}]}`
		}
		const path = "/api/users/me/color-mode"
		for _, c := range []call{
			{"dark", ada.ID, "PATCH", path, `{"color_mode":"dark"}`, 200, me(`"dark"`)},
			{"it is seen at once", ada.ID, "GET", "/api/users/me", "", 200, me(`"dark"`)},
			{"absent keeps", ada.ID, "PATCH", path, `{"colour":"light","Color_Mode":"light"}`, 200, me(`"dark"`)},
			{"system", ada.ID, "PATCH", path, `{"color_mode":"system"}`, 200, me(`"system"`)},
			{"unknown", ada.ID, "PATCH", path, `{"color_mode":"Dark"}`, 422, refusal(`"Dark"`)},
			{"empty", ada.ID, "PATCH", path, `{"color_mode":""}`, 422, refusal(`""`)},
			{"number", ada.ID, "PATCH", path, `{"color_mode":1}`, 422, refusal(`1`)},
			{"no body", ada.ID, "PATCH", path, ``, 422, `{"detail":[{"type":"missing","loc":["body"],"msg":"Field required","input":null}]}`},
			{"bad JSON", ada.ID, "PATCH", path, `{"color_mode":"dark",}`, 422,
				`{"detail":[{"type":"json_invalid","loc":["body",21],"msg":"JSON decode error","input":{},"ctx":{"error":"Expecting property name enclosed in double quotes"}}]}`},
			{"refusals change nothing", ada.ID, "GET", "/api/users/me", "", 200, me(`"system"`)},
			{"null clears", ada.ID, "PATCH", path, `{"color_mode":null}`, 200, me(`null`)},
		} {
			h.t.Run(c.name, func(t *testing.T) { h.do(t, c) })
		}
		require.Nil(h.t, h.stored(ada.ID).ColorMode)
	})
}

func TestPreferences(t *testing.T) {
	eachHouse(t, func(h *house) {
		ada := h.register("ada@example.com")
		before := h.stored(ada.ID)
		const path = "/api/users/me/preferences"
		fifty := `["a` + strings.Join(numbers(50), `","a`) + `"]`
		long := strings.Repeat("x", 64)
		for _, c := range []call{
			{"none at first", ada.ID, "GET", path, "", 200, `{"app_ids":[]}`},
			{"order is kept, repeats are dropped", ada.ID, "PATCH", path, `{"app_ids":["z","docs","A_b-9","z","docs"]}`, 200, `{"app_ids":["z","docs","A_b-9"]}`},
			{"they are seen at once", ada.ID, "GET", path, "", 200, `{"app_ids":["z","docs","A_b-9"]}`},
			{"absent keeps", ada.ID, "PATCH", path, `{}`, 200, `{"app_ids":["z","docs","A_b-9"]}`},
			{"null is refused", ada.ID, "PATCH", path, `{"app_ids":null}`, 422,
				`{"detail":[{"type":"list_type","loc":["body","app_ids"],"msg":"Input should be a valid list","input":null}]}`},
			{"no list", ada.ID, "PATCH", path, `{"app_ids":"docs"}`, 422,
				`{"detail":[{"type":"list_type","loc":["body","app_ids"],"msg":"Input should be a valid list","input":"docs"}]}`},
			{"bad items are told by number", ada.ID, "PATCH", path, `{"app_ids":["ok",7,"a b",null,"","ok\n","é","` + long + `x"]}`, 422,
				`{"detail":[` + strings.Join([]string{
					`{"type":"string_type","loc":["body","app_ids",1],"msg":"Input should be a valid string","input":7}`,
					mismatch(2, `"a b"`),
					`{"type":"string_type","loc":["body","app_ids",3],"msg":"Input should be a valid string","input":null}`,
					`{"type":"string_too_short","loc":["body","app_ids",4],"msg":"String should have at least 1 character","input":"","ctx":{"min_length":1}}`,
					mismatch(5, `"ok\n"`), mismatch(6, `"é"`),
					`{"type":"string_too_long","loc":["body","app_ids",7],"msg":"String should have at most 64 characters","input":"` + long + `x","ctx":{"max_length":64}}`,
				}, ",") + `]}`},
			{"fifty", ada.ID, "PATCH", path, `{"app_ids":` + fifty + `}`, 200, `{"app_ids":` + fifty + `}`},
			{"fifty-one", ada.ID, "PATCH", path, `{"app_ids":["` + strings.Join(numbers(51), `","`) + `"]}`, 422,
				`{"detail":[{"type":"too_long","loc":["body","app_ids"],"msg":"List should have at most 50 items after validation, not 51","input":["` +
					strings.Join(numbers(51), `","`) + `"],"ctx":{"actual_length":51,"field_type":"List","max_length":50}}]}`},
			{"64 characters", ada.ID, "PATCH", path, `{"app_ids":["` + long + `"]}`, 200, `{"app_ids":["` + long + `"]}`},
			{"empty clears", ada.ID, "PATCH", path, `{"app_ids":[]}`, 200, `{"app_ids":[]}`},
		} {
			h.t.Run(c.name, func(t *testing.T) { h.do(t, c) })
		}
		after := h.stored(ada.ID)
		require.Equal(h.t, database.Strings{}, after.DashboardAppIDs)
		require.True(h.t, after.UpdatedAt.After(before.UpdatedAt))
		after.UpdatedAt = before.UpdatedAt
		require.Equal(h.t, before, after, "nothing else has changed")
	})
}

func mismatch(i int, input string) string {
	return fmt.Sprintf(`{"type":"string_pattern_mismatch","loc":["body","app_ids",%d],"msg":"String should match pattern '^[a-zA-Z0-9_-]+$'","input":%s,"ctx":{"pattern":"^[a-zA-Z0-9_-]+$"}}`, i, input)
}

func numbers(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(i)
	}
	return list
}

func TestTokenOfAnAccountThatIsGone(t *testing.T) {
	eachHouse(t, func(h *house) {
		ada := h.register("ada@example.com")
		h.do(h.t, call{"", ada.ID, "GET", "/api/users/me", "", 200,
			`{"id":"` + ada.ID + `","email":"ada@example.com","full_name":null,"is_active":true,"is_admin":false,"color_mode":null}`})
		require.NoError(h.t, h.db.Exec("DELETE FROM users WHERE id = ?", ada.ID).Error)
		// The guard may still believe in the account for a moment; a change must fail and must not bring it back.
		h.do(h.t, call{"", ada.ID, http.MethodPatch, "/api/users/me/color-mode", `{"color_mode":"dark"}`, 401, `{"detail":"Could not validate credentials"}`})
		var n int64
		require.NoError(h.t, h.db.Model(&User{}).Count(&n).Error)
		require.Zero(h.t, n)
		require.Equal(h.t, errs.NotFound, errs.KindOf(h.set(h.t.Context(), ada.ID, "hashed_password", "x")), "nothing was changed")
	})
}

func BenchmarkMe(b *testing.B) {
	h := NewHasher(bcrypt.MinCost)
	b.Cleanup(h.Close)
	s := newService(testkit.Migrated(testPlan(b)).SQLite(b).Open(b), h, module.Optional[GroupCount]{}, nil, slog.New(slog.DiscardHandler))
	ada, err := s.Register(b.Context(), "ada@example.com", goodPassword, nil)
	require.NoError(b, err)
	site := newSite(b, s)
	req := httptest.NewRequestWithContext(b.Context(), "GET", "/api/users/me", nil)
	req.Header.Set("Authorization", ada.ID)
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, req)
		if w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
