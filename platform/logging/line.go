package logging

import (
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// lineWriter escapes what JSON leaves alone and a terminal may obey: DEL, C1 controls and invisible or
// direction-changing characters. They can only stand inside JSON strings, so \u escapes keep the line valid.
type lineWriter struct{ w io.Writer }

func (l lineWriter) Write(line []byte) (int, error) {
	escaped := escape(line)
	if _, err := l.w.Write(escaped); err != nil {
		return 0, err
	}
	return len(line), nil
}

func escape(line []byte) []byte {
	clean := 0
	for clean < len(line) && line[clean] < 0x7f {
		clean++
	}
	if clean == len(line) {
		return line
	}
	out := append(make([]byte, 0, len(line)+16), line[:clean]...)
	for rest := line[clean:]; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		switch {
		case r == '\n' || unicode.IsPrint(r):
			out = append(out, rest[:size]...)
		case r > 0xffff:
			hi, lo := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, hi, lo)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		rest = rest[size:]
	}
	return out
}
