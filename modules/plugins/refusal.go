package plugins

import (
	"fmt"
	"net/http"
	"strings"

	"portico.internal/platform/errs"
	"portico.internal/platform/sanitize"
	"portico.internal/platform/upstream"
)

const (
	maxDetail = 500 // characters
	tell      = 6   // characters of a secret in a row that give it away
)

// statusError says for the log what a service answered.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("status %d", int(s)) }

// refusal is what the caller is told when a service does not take a change: its 400, 409 and 422 with what it says,
// unless that gives away a secret of the settings as they were or as they would have been. All else is its failure.
func (s *settings) refusal(reply *upstream.Reply, settings ...map[string]any) error {
	kind, passes := map[int]errs.Kind{
		http.StatusBadRequest: errs.BadRequest, http.StatusConflict: errs.Conflict, http.StatusUnprocessableEntity: errs.Invalid,
	}[reply.Status]
	if !passes {
		return s.broken("no answer to the change of its settings", reply.Status)
	}
	refused := errs.New(kind, s.name+" refused the settings")
	said, _ := parseObject(reply.Body)
	detail, issues := readDetail(said["detail"], kind)
	if detail == "" && issues == nil {
		return refused
	}
	var hidden []string
	for _, values := range settings {
		hidden = append(hidden, s.schema.secretTexts(values)...)
	}
	texts := []string{detail}
	for _, i := range issues {
		texts = append(texts, i.Msg, i.Type)
		for _, step := range i.Loc {
			texts = append(texts, fmt.Sprint(step))
		}
	}
	if givesAway(strings.Join(texts, "\n"), hidden) {
		return refused
	}
	if issues != nil {
		return errs.InvalidInput(issues...)
	}
	refused.Detail = detail
	return refused
}

// readDetail reads the text, or with a 422 the issues, of an error in the form of FastAPI.
func readDetail(detail any, kind errs.Kind) (string, []errs.Issue) {
	switch detail := detail.(type) {
	case string:
		return shorten(detail), nil
	case []any:
		if kind == errs.Invalid {
			return "", readIssues(detail)
		}
	}
	return "", nil
}

// readIssues returns nil when one of the issues is malformed. What they were found in, and their context, stay behind.
func readIssues(list []any) []errs.Issue {
	var issues []errs.Issue
	for _, item := range list[:min(len(list), maxIssues)] {
		object, _ := item.(map[string]any)
		kind, isKind := object["type"].(string)
		msg, isMsg := object["msg"].(string)
		steps, isLoc := object["loc"].([]any)
		if !isKind || !isMsg || !isLoc || len(steps) > maxDepth {
			return nil
		}
		i := errs.Issue{Type: shorten(kind), Msg: shorten(msg), Loc: []any{}}
		for _, step := range steps {
			switch step := step.(type) {
			case string:
				i.Loc = append(i.Loc, shorten(step))
			case number:
				i.Loc = append(i.Loc, step)
			default:
				return nil
			}
		}
		issues = append(issues, i)
	}
	return issues
}

func shorten(text string) string {
	runes := []rune(sanitize.Line(text))
	return string(runes[:min(len(runes), maxDetail)])
}

// givesAway tells whether a text holds one of the secrets, or so much of one in a row that it might as well, in whatever
// case.
func givesAway(text string, hidden []string) bool {
	text = strings.ToLower(text)
	runs := map[string]bool{}
	for i := 0; i+tell <= len(text); i++ {
		runs[text[i:i+tell]] = true
	}
	for _, secret := range hidden {
		secret = strings.ToLower(secret)
		if len(secret) < tell && strings.Contains(text, secret) {
			return true
		}
		for i := 0; i+tell <= len(secret); i++ {
			if runs[secret[i:i+tell]] {
				return true
			}
		}
	}
	return false
}
