package groups_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"portico.internal/modules/gatewaytest"
	"portico.internal/modules/users"
	"portico.internal/platform/testkit"
)

// Accounts that another program has made are named by their address in any spelling. Where several have it, the one that
// is spelled just so is meant, else the oldest.
func TestMembersByAddressesOfAnotherProgram(t *testing.T) {
	testkit.Migrated(gatewaytest.Plan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		h := &house{gatewaytest.Start(t, gatewaytest.Spec(), d, nil), t}
		id, annID := h.group("Crew"), h.user(ann) // from here on nobody signs in, so that who has no key gets none
		people := []string{"Grace.Hopper@example.com", "alan.turing@example.com", "Alan.Turing@example.com", "keyless@example.com"}
		db := d.Open(t)
		for i, email := range people {
			key := users.EmailKey(email)
			u := users.User{ID: fmt.Sprintf("%08d-0000-4000-8000-000000000000", i), Email: email, EmailKey: &key, IsActive: true,
				CreatedAt: time.Date(2024, 1, 9-i, 0, 0, 0, 0, time.UTC)} // the capitals are the older ones
			if email == "keyless@example.com" {
				u.EmailKey = nil
			}
			require.NoError(t, db.Create(&u).Error)
		}
		for spelling, email := range map[string]string{
			"grace.hopper@EXAMPLE.com": people[0], "alan.turing@example.com": people[1], " alan.turing@example.com ": people[1], "Alan.Turing@example.com": people[2],
			"ALAN.TURING@example.com": people[2], "Keyless@example.com": people[3],
		} {
			added, _ := h.bulk(id, []string{spelling}, nil)
			require.Equal(t, []string{"added"}, added, spelling)
			require.Equal(t, []string{email}, h.emails(id, ""), spelling)
			_, removed := h.bulk(id, nil, []string{spelling})
			require.Equal(t, []string{"removed"}, removed, spelling)

			h.join(id, annID)
			h.promote(id, annID, true)
			require.Equal(t, email, must[member](h, 201, call(ann, "POST", "/api/groups/"+id+"/members", `{"email":"`+spelling+`"}`)).Email, spelling)
			h.bulk(id, nil, []string{spelling, ann})
		}
		require.Empty(t, h.emails(id, ""))
	})
}
