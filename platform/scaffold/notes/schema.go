package notes

import (
	"errors"
	"time"

	"portico.internal/platform/sanitize"
	"portico.internal/platform/web"
)

type itemOut struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	CreatedAt time.Time `json:"created_at"`
}

const maxTitle = 200

// itemCreate is what a new item is made of.
type itemCreate struct {
	Title string `json:"title"`
}

var _ web.Checker = (*itemCreate)(nil)

// Check brings the title into the form in which it is stored.
func (i *itemCreate) Check(c *web.Check) { web.Apply(c, &i.Title, cleanTitle, "title") }

func cleanTitle(title string) (string, error) {
	if title = sanitize.Line(title); title == "" {
		return "", errors.New("Title must not be empty")
	}
	return title, web.AtMost(maxTitle, title)
}

// limits is the setting notes.limits.
type limits struct {
	MaxTitle int `json:"max_title"`
}

type limitsUpdate struct {
	MaxTitle web.Optional[int] `json:"max_title,omitzero" minimum:"1" maximum:"200" doc:"Characters in the title of a new item"`
}
