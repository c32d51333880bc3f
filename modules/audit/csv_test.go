package audit_test

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/audit"
	"portico.internal/platform/testkit"
)

func parseCSV(t testing.TB, r testkit.Reply) [][]string {
	t.Helper()
	require.Equal(t, 200, r.Status, r.Body)
	require.Equal(t, "text/csv; charset=utf-8", r.Header.Get("Content-Type"))
	require.Equal(t, `attachment; filename="audit.csv"`, r.Header.Get("Content-Disposition"))
	rows, err := csv.NewReader(strings.NewReader(r.Body)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, "at actor_kind actor_id actor_name action target_type target_id target_name outcome reason changes address request_id id", strings.Join(rows[0], " "))
	return rows
}

func TestExport(t *testing.T) {
	each(t, nil, func(t *testing.T, g *testkit.Gateway, db *gorm.DB) {
		const n = 2*audit.Piece + 10
		names := []string{"=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", `a "b", c` + "\r\nd", "plain", "", "'=1"}
		past(t, db, n, time.Now().Add(-time.Hour), func(i int, e *audit.Entry) { e.TargetName = new(names[i%len(names)]) })

		rows := parseCSV(t, g.Call(t, under("the-export", call("GET", exportPath+"?action=test.past", root))))[1:]
		require.Len(t, rows, n)
		wanted := []string{"'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", "'x", `a "b", c` + "\nd", "plain", "", "'=1"} // a lone CR would end a line, and the reader makes CR LF one LF
		for i, row := range rows {
			require.Equal(t, wanted[(n-1-i)%len(names)], row[7])
			require.Len(t, row, 14)
		}
		whole := g.Call(t, call("GET", exportPath, root)).Body
		require.Contains(t, whole, "\r\n")
		require.Contains(t, whole, `"a ""b"", c`)
		require.Contains(t, whole, "audit.exported", "its own entry too")

		recorded, _ := list(t, g, "request_id=the-export")
		require.Len(t, recorded, 1)
		require.Equal(t, "audit.exported", recorded[0].Action)
		require.Equal(t, root, recorded[0].Actor.Name)
		require.Equal(t, "test.past", recorded[0].Changes["action"].New)
	})
}
