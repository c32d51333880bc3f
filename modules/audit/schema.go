package audit

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"portico.internal/platform/audit"
	"portico.internal/platform/errs"
	"portico.internal/platform/web"
)

// filter says which entries are meant: those that all of its fields fit.
type filter struct {
	Actor      string `query:"actor" maxLength:"320" doc:"Id of a user, or the e-mail address at the time"`
	Action     string `query:"action" maxLength:"64" doc:"Such as group.created, or group for all whose first word it is"`
	TargetType string `query:"target_type" maxLength:"64"`
	TargetID   string `query:"target_id" maxLength:"200"`
	Outcome    string `query:"outcome" enum:"success,failure"`
	Address    string `query:"address" maxLength:"64" doc:"Of the client"`
	RequestID  string `query:"request_id" maxLength:"64"`
	Since      string `query:"since" maxLength:"64" format:"date-time" doc:"RFC 3339; entries of that moment or later"`
	Until      string `query:"until" maxLength:"64" format:"date-time" doc:"RFC 3339; entries before that moment"`

	since, until time.Time
}

// parse reads the times. It fails with errs.Invalid where they are none.
func (f *filter) parse() error {
	var issues []errs.Issue
	for _, t := range []struct {
		name, text string
		to         *time.Time
	}{{"since", f.Since, &f.since}, {"until", f.Until, &f.until}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, t.text)
		if err != nil || at.Year() < 1970 || at.Year() > 9999 {
			issues = append(issues, errs.Issue{Type: "datetime_from_date_parsing", Loc: []any{"query", t.name}, Input: t.text,
				Msg: "Input should be a valid datetime with a timezone, as RFC 3339 has it, from 1970 on"})
		}
		*t.to = at
	}
	if len(issues) > 0 {
		return errs.InvalidInput(issues...)
	}
	return nil
}

// named is what of the filter was given, nil where nothing was.
func (f *filter) named() audit.Changes {
	var given audit.Changes
	for _, field := range []struct{ name, value string }{
		{"actor", f.Actor}, {"action", f.Action}, {"target_type", f.TargetType}, {"target_id", f.TargetID}, {"outcome", f.Outcome},
		{"address", f.Address}, {"request_id", f.RequestID}, {"since", f.Since}, {"until", f.Until},
	} {
		if field.value != "" {
			if given == nil {
				given = audit.Changes{}
			}
			given[field.name] = audit.Change{New: field.value}
		}
	}
	return given
}

type listIn struct {
	filter
	Limit  web.Optional[int] `query:"limit" minimum:"1" maximum:"1000" doc:"100 unless said otherwise"`
	Before string            `query:"before" maxLength:"36" doc:"The id of the last entry of a page: the page after it"`
}

type listOut struct {
	Total int64 `header:"X-Total-Count"` // on all pages
	Body  []entryOut
}

type entryOut struct {
	ID        string         `json:"id"`
	At        time.Time      `json:"at"`
	Actor     actorOut       `json:"actor"`
	Action    string         `json:"action"`
	Target    targetOut      `json:"target"`
	Outcome   string         `json:"outcome" enum:"success,failure"`
	Reason    *string        `json:"reason" doc:"Of a failure"`
	Changes   jsontext.Value `json:"changes" doc:"By field {old, new}; of secrets only that they differ; null where there is nothing to compare"`
	Address   *string        `json:"address" doc:"Of the client"`
	RequestID *string        `json:"request_id"`
}

type actorOut struct {
	Kind string  `json:"kind" enum:"user,command,service,system,anonymous"`
	ID   *string `json:"id" doc:"Of a user"`
	Name *string `json:"name" doc:"The e-mail address of a user at the time; of a command the account of the operating system that ran it"`
}

type targetOut struct {
	Type *string `json:"type"`
	ID   *string `json:"id"`
	Name *string `json:"name" doc:"At the time"`
}

func show(e *Entry) entryOut {
	changes := jsontext.Value("null")
	if e.Changes != nil {
		changes = jsontext.Value(*e.Changes)
	}
	return entryOut{e.ID, e.At, actorOut{e.ActorKind, e.ActorID, e.ActorName}, e.Action, targetOut{e.TargetType, e.TargetID, e.TargetName},
		e.Outcome, e.Reason, changes, e.Address, e.RequestID}
}
