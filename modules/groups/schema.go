package groups

import (
	"errors"
	"time"

	"portico.internal/modules/users"
	"portico.internal/platform/errs"
	"portico.internal/platform/sanitize"
	"portico.internal/platform/web"
)

// Joined is a group and a user's part in it.
type Joined struct {
	ID           string    `json:"id"`
	Name         string    `json:"name"`
	Description  *string   `json:"description"`
	IsGroupAdmin bool      `json:"is_group_admin"`
	JoinedAt     time.Time `json:"joined_at"`
}

type groupOut struct {
	ID          string    `json:"id"`
	Name        string    `json:"name"`
	Description *string   `json:"description"`
	CreatedAt   time.Time `json:"created_at"`
	MemberCount int       `json:"member_count"`
	SortName    string    `json:"-"`
}

type groupDetail struct {
	ID          string             `json:"id"`
	Name        string             `json:"name"`
	Description *string            `json:"description"`
	CreatedAt   time.Time          `json:"created_at"`
	MemberCount int                `json:"member_count"`
	Members     web.Stream[member] `json:"members"`
}

type member struct {
	UserID       string    `json:"user_id"`
	Email        string    `json:"email"`
	FullName     *string   `json:"full_name"`
	IsActive     bool      `json:"is_active"`
	IsGroupAdmin bool      `json:"is_group_admin"`
	JoinedAt     time.Time `json:"joined_at"`
}

// membership is what the audit log says of one.
type membership struct {
	UserID string `json:"user_id"`
	Email  string `json:"email"`
}

func (m *member) membership() membership { return membership{m.UserID, m.Email} }

const (
	maxName        = 128
	maxDescription = 512
	maxBulk        = 1000
)

// groupCreate is what a new group is made of.
type groupCreate struct {
	Name        string  `json:"name"`
	Description *string `json:"description,omitempty" nullable:"true"`
}

var _ web.Checker = (*groupCreate)(nil)

// Check brings the fields into the form in which they are stored.
func (g *groupCreate) Check(c *web.Check) {
	web.Apply(c, &g.Name, cleanName, "name")
	if g.Description != nil {
		web.Apply(c, g.Description, cleanDescription, "description")
	}
}

// groupUpdate sets the fields that are given; null clears the description.
type groupUpdate struct {
	Name        web.Optional[string] `json:"name,omitzero"`
	Description web.Optional[string] `json:"description,omitzero" nullable:"true"`
}

var _ web.Checker = (*groupUpdate)(nil)

// Check brings the fields into the form in which they are stored.
func (g *groupUpdate) Check(c *web.Check) {
	if g.Name.Set {
		web.Apply(c, &g.Name.Value, cleanName, "name")
	}
	if g.Description.Pointer() != nil {
		web.Apply(c, &g.Description.Value, cleanDescription, "description")
	}
}

func cleanName(name string) (string, error) {
	if name = sanitize.Line(name); name == "" {
		return "", errs.InvalidInput(errs.Issue{Type: "string_too_short", Msg: "String should have at least 1 character", Ctx: map[string]any{"min_length": 1}})
	}
	return name, web.AtMost(maxName, name)
}

func cleanDescription(text string) (string, error) {
	text = sanitize.Text(text)
	return text, web.AtMost(maxDescription, text)
}

// adminUpdate says whether a member runs the group.
type adminUpdate struct {
	IsGroupAdmin bool `json:"is_group_admin"`
}

// memberAdd names a user by e-mail address.
type memberAdd struct {
	Email string `json:"email"`
}

var _ web.Checker = (*memberAdd)(nil)

// Check holds the address to its rules. It stays as it is spelled: old accounts may differ by that alone.
func (m *memberAdd) Check(c *web.Check) {
	email := m.Email
	web.Apply(c, &email, users.CanonicalEmail, "email")
}

// bulk names users by id or e-mail address.
type bulk struct {
	Add    []string `json:"add,omitempty" maxItems:"1000" maxLength:"320"`
	Remove []string `json:"remove,omitempty" maxItems:"1000" maxLength:"320"`
}

var _ web.Checker = (*bulk)(nil)

// Check bounds both lists together.
func (b *bulk) Check(c *web.Check) {
	if len(b.Add)+len(b.Remove) > maxBulk {
		c.Fail(errors.New("At most 1000 users can be named at once"), "remove")
	}
}

// bulkOut says of each user that was named, in the order of the request, what became of it.
type bulkOut struct {
	Add    []outcome `json:"add"`
	Remove []outcome `json:"remove"`
}

type outcome struct {
	Member string  `json:"member"` // as it was named
	UserID *string `json:"user_id"`
	Result string  `json:"result" enum:"added,already_member,removed,not_member,not_found"`
}
