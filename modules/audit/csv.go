package audit

import (
	"encoding/csv"
	"io"
	"strings"
	"time"
)

const csvType = "text/csv; charset=utf-8"

var csvHeader = []string{
	"at", "actor_kind", "actor_id", "actor_name", "action", "target_type", "target_id", "target_name",
	"outcome", "reason", "changes", "address", "request_id", "id",
}

// writeCSV writes entries as RFC 4180 has it, lines ending with CR LF.
func writeCSV(w io.Writer, each func(take func(*Entry) error) error) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	if err := out.Write(csvHeader); err != nil {
		return err
	}
	err := each(func(e *Entry) error {
		record := []string{
			e.At.UTC().Format(time.RFC3339Nano), e.ActorKind, text(e.ActorID), text(e.ActorName), e.Action,
			text(e.TargetType), text(e.TargetID), text(e.TargetName), e.Outcome, text(e.Reason), text(e.Changes), text(e.Address), text(e.RequestID), e.ID,
		}
		for i := range record {
			record[i] = inert(record[i])
		}
		return out.Write(record)
	})
	out.Flush()
	if err != nil {
		return err
	}
	return out.Error()
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// inert keeps a spreadsheet from taking a text that others have typed for a formula (OWASP, CSV Injection).
func inert(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
