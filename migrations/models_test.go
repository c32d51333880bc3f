package migrations_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"portico.internal/modules/groups"
	"portico.internal/modules/profile"
	"portico.internal/modules/users"
	"portico.internal/platform/database"
	"portico.internal/platform/testkit"
)

func TestModelsFitTheirTables(t *testing.T) {
	testkit.Migrated(wholePlan(t)).Each(t, func(t *testing.T, d testkit.Database) {
		db := d.Open(t)
		at := time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC)
		name, day := "Ada", database.Date("1815-12-10")
		user := users.User{ID: "u", Email: "ada@example.org", FullName: &name, HashedPassword: "x", CreatedAt: at, UpdatedAt: at}
		own := profile.Profile{ID: "p", UserID: "u", DateOfBirth: &day, CreatedAt: at, UpdatedAt: at}
		group := groups.Group{ID: "g", Name: "Engines", Description: &name, CreatedAt: at, UpdatedAt: at}
		member := groups.Membership{GroupID: "g", UserID: "u", JoinedAt: at, IsGroupAdmin: true}
		for _, row := range []any{&user, &own, &group, &member} {
			require.NoError(t, db.Create(row).Error)
		}
		require.NoError(t, db.Create(&users.User{ID: "v", Email: "eve@example.org", IsActive: true, IsSuperuser: true, DashboardAppIDs: []string{"b", "a"}}).Error)

		var readUser users.User
		var readProfile profile.Profile
		var readGroup groups.Group
		var readMember groups.Membership
		require.NoError(t, db.First(&readUser, "id = ?", "u").Error)
		require.NoError(t, db.First(&readProfile).Error)
		require.NoError(t, db.First(&readGroup).Error)
		require.NoError(t, db.First(&readMember).Error)
		user.DashboardAppIDs = database.Strings{}
		require.Equal(t, user, readUser, "inactive stays inactive, no apps are an empty list")
		require.Equal(t, own, readProfile)
		require.Equal(t, group, readGroup)
		require.Equal(t, member, readMember)
		var eve users.User
		require.NoError(t, db.First(&eve, "is_active AND is_superuser").Error)
		require.Equal(t, database.Strings{"b", "a"}, eve.DashboardAppIDs)

		require.ErrorIs(t, db.Create(&users.User{ID: "w", Email: user.Email}).Error, gorm.ErrDuplicatedKey)
		require.ErrorIs(t, db.Create(&profile.Profile{ID: "q", UserID: "u"}).Error, gorm.ErrDuplicatedKey)
		require.ErrorIs(t, db.Create(&groups.Group{ID: "h", Name: "Engines"}).Error, gorm.ErrDuplicatedKey)
		require.ErrorIs(t, db.Create(&groups.Membership{GroupID: "g", UserID: "nobody"}).Error, gorm.ErrForeignKeyViolated)

		require.NoError(t, db.Delete(&users.User{}, "id = ?", "u").Error)
		var left int64
		require.NoError(t, db.Raw("SELECT (SELECT count(*) FROM profiles) + (SELECT count(*) FROM group_memberships)").Scan(&left).Error)
		require.Zero(t, left, "what belongs to a user goes with the user")
	})
}
