package profile

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"portico.internal/platform/database"
	"portico.internal/platform/errs"
	"portico.internal/platform/sanitize"
	"portico.internal/platform/web"
)

// profileRead is a profile as its owner sees it.
type profileRead struct {
	ID          string         `json:"id"`
	UserID      string         `json:"user_id"`
	Phone       *string        `json:"phone"`
	DateOfBirth *database.Date `json:"date_of_birth" format:"date"`
	Position    *string        `json:"position"`
	Address     *string        `json:"address"`
	UpdatedAt   time.Time      `json:"updated_at"`
}

func read(p *Profile) *profileRead {
	if p == nil {
		return nil
	}
	return &profileRead{p.ID, p.UserID, p.Phone, p.DateOfBirth, p.Position, p.Address, p.UpdatedAt}
}

// profileUpdate sets the fields that are given and clears those that are null.
type profileUpdate struct {
	Phone       web.Optional[string] `json:"phone,omitzero" nullable:"true"`
	DateOfBirth web.Optional[string] `json:"date_of_birth,omitzero" nullable:"true" format:"date"`
	Position    web.Optional[string] `json:"position,omitzero" nullable:"true"`
	Address     web.Optional[string] `json:"address,omitzero" nullable:"true"`
}

var _ web.Checker = (*profileUpdate)(nil)

const (
	maxPosition = 128
	maxAddress  = 255
)

// Check brings the fields into the form in which they are stored.
func (u *profileUpdate) Check(c *web.Check) {
	for _, f := range []struct {
		name  string
		field *web.Optional[string]
		clean func(string) (string, error)
	}{
		{"phone", &u.Phone, cleanPhone},
		{"date_of_birth", &u.DateOfBirth, cleanDateOfBirth},
		{"position", &u.Position, atMost(maxPosition)},
		{"address", &u.Address, atMost(maxAddress)},
	} {
		if f.field.Pointer() != nil {
			web.Apply(c, &f.field.Value, f.clean, f.name)
		}
	}
}

// changes are the columns that the update sets.
func (u *profileUpdate) changes() map[string]any {
	set := map[string]any{}
	for column, field := range map[string]web.Optional[string]{
		"phone": u.Phone, "date_of_birth": u.DateOfBirth, "position": u.Position, "address": u.Address,
	} {
		if field.Set {
			set[column] = field.Pointer()
		}
	}
	return set
}

func cleanPhone(text string) (string, error) {
	text = sanitize.Line(text)
	digits := 0
	for _, r := range text {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case !strings.ContainsRune("+ ().-", r):
			return "", errors.New("Phone may hold digits, blanks and + ( ) . - only")
		}
	}
	if n := len(text); n < 5 || n > 20 || digits < 5 {
		return "", errors.New("Phone must be 5 to 20 characters with at least 5 digits")
	}
	return text, nil
}

func cleanDateOfBirth(text string) (string, error) {
	day, err := database.ParseDate(text)
	switch {
	case err != nil:
		return "", errs.InvalidInput(errs.Issue{Type: "date_from_datetime_parsing",
			Msg: "Input should be a valid date or datetime, " + dateFault(text), Ctx: map[string]any{"error": dateFault(text)}})
	case day < "1900-01-01":
		return "", errors.New("Date of birth must be 1900-01-01 or later")
	case string(day) > time.Now().UTC().Format(time.DateOnly):
		return "", errors.New("Date of birth must not be in the future")
	}
	return text, nil
}

// dateFault is what Pydantic says of a date that is none.
func dateFault(text string) string {
	var year, month, day int
	if n, _ := fmt.Sscanf(text, "%4d-%2d-%2d", &year, &month, &day); len(text) != len(time.DateOnly) || n != 3 {
		if len(text) < len(time.DateOnly) {
			return "input is too short"
		}
		return "invalid character in year"
	}
	if month < 1 || month > 12 {
		return "month value is outside expected range of 1-12"
	}
	return "day value is outside expected range"
}

// atMost counts characters once the text is clean.
func atMost(n int) func(string) (string, error) {
	return func(text string) (string, error) {
		text = sanitize.Line(text)
		return text, web.AtMost(n, text)
	}
}
