package logging

import (
	"bytes"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// lineWriter escapes what slog's handlers let through and a terminal may obey: in JSON DEL, C1 controls and invisible or
// direction-changing characters, in text whatever a group's name holds. In JSON these only stand inside strings, where
// \u escapes mean the same.
type lineWriter struct{ w io.Writer }

// Write takes a whole record, as slog's handlers write it, and makes one call of the writer below.
func (l lineWriter) Write(record []byte) (int, error) {
	if _, err := l.w.Write(escape(record)); err != nil {
		return 0, err
	}
	return len(record), nil
}

func escape(record []byte) []byte {
	line, ended := bytes.CutSuffix(record, []byte("\n"))
	clean := 0
	for clean < len(line) && ' ' <= line[clean] && line[clean] <= '~' {
		clean++
	}
	if clean == len(line) {
		return record
	}
	out := append(make([]byte, 0, len(record)+32), line[:clean]...)
	for rest := line[clean:]; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case unicode.IsPrint(r) && (r != utf8.RuneError || size > 1):
			out = append(out, rest[:size]...)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		rest = rest[size:]
	}
	if ended {
		out = append(out, '\n')
	}
	return out
}
