package main_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/platform/testkit"
)

// A limit that an admin changes through one process holds for the next upload through another one.
func TestLimitHoldsOnEveryProcess(t *testing.T) {
	t.Parallel()
	d := testkit.Migrated(gatewaytest.Plan(t)).Postgres(t)
	first := in(t, on(d).with(env{"PORTICO_ADMIN_EMAIL": gatewaytest.Admin, "PORTICO_ADMIN_PASSWORD": testkit.Password})).serve(t)
	second := in(t, on(d)).serve(t)
	root := first.SignIn(t, gatewaytest.Admin, testkit.Password)
	first.register(t, "ann@example.com")
	ann := second.SignIn(t, "ann@example.com", testkit.Password)
	contentType, body := form(t, pdf("Large", 1, 3<<19))
	upload := testkit.Request{Method: http.MethodPost, Path: "/api/documents", Token: ann, Type: contentType, Body: body}
	require.Equal(t, http.StatusAccepted, second.Call(t, upload).Status)

	for range 5 {
		for _, change := range []struct{ mb, status int }{{1, http.StatusRequestEntityTooLarge}, {2, http.StatusAccepted}} {
			r := first.Call(t, as(root, "PATCH", "/api/settings/documents/limits", fmt.Sprintf(`{"max_pdf_mb":%d}`, change.mb)))
			require.Equal(t, http.StatusOK, r.Status, r.Body)
			changed := time.Now()
			require.Equal(t, change.status, first.Call(t, testkit.Request{Method: http.MethodPost, Path: "/api/documents", Token: root, Type: contentType, Body: body}).Status, "where it was changed it holds at once")
			require.Eventually(t, func() bool { return second.Call(t, upload).Status == change.status }, patience, time.Millisecond)
			t.Logf("%d MB hold on the other process after %v", change.mb, time.Since(changed))
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	require.Equal(t, 0, first.stop(t))
	require.Equal(t, 0, second.stop(t))
}
