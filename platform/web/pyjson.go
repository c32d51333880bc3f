package web

import "unicode/utf8"

// pythonJSONError says how Python's json module (3.12, Lib/json/decoder.py and Modules/_json.c) refuses a body: the text
// of its error, and where it stands, counted in characters. Not ok means that Python takes the body, because what is
// wrong with it is wrong only to a stricter reader: a duplicate key, NaN, a lone surrogate, invalid UTF-8.
func pythonJSONError(body []byte) (msg string, pos int, ok bool) {
	s := &pythonScanner{text: trimBOM(body)}
	s.document()
	if s.msg == "" {
		return "", 0, false
	}
	return s.msg, utf8.RuneCount(s.text[:s.errAt]), true
}

// trimBOM drops a byte order mark, as json.loads does with bytes.
func trimBOM(body []byte) []byte {
	if len(body) >= 3 && body[0] == 0xEF && body[1] == 0xBB && body[2] == 0xBF {
		return body[3:]
	}
	return body
}

// pythonScanner keeps its own stack of open brackets, so that the depth of a body costs a byte a level and no recursion.
type pythonScanner struct {
	text  []byte
	at    int
	open  []byte // the closing brackets to come
	msg   string // of the first error
	errAt int    // its offset in bytes
}

// fail notes the error and returns false, so that every step can end with it.
func (s *pythonScanner) fail(msg string, at int) bool {
	s.msg, s.errAt = msg, at
	return false
}

// peek returns the next byte, 0 at the end; a NUL in the text is nowhere expected either.
func (s *pythonScanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *pythonScanner) blanks() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *pythonScanner) document() {
	s.blanks()
	for s.value() {
		s.closeBrackets()
		if len(s.open) == 0 {
			if s.at < len(s.text) {
				s.fail("Extra data", s.at)
			}
			return
		}
		if s.peek() != ',' {
			s.fail("Expecting ',' delimiter", s.at)
			return
		}
		s.at++
		s.blanks()
		if s.open[len(s.open)-1] == '}' && !s.key() {
			return
		}
	}
}

// closeBrackets takes the blanks and all closing brackets that stand here.
func (s *pythonScanner) closeBrackets() {
	s.blanks()
	for len(s.open) > 0 && s.peek() == s.open[len(s.open)-1] {
		s.open = s.open[:len(s.open)-1]
		s.at++
		s.blanks()
	}
}

// value takes a scalar or an empty container whole, and of any other container the start up to its first scalar.
func (s *pythonScanner) value() bool {
	for {
		switch s.peek() {
		case '{', '[':
			closing := s.text[s.at] + 2 // ASCII has ']' and '}' two places after their openings
			s.at++
			s.open = append(s.open, closing)
			s.blanks()
			if s.peek() == closing {
				return true // closed by the caller
			}
			if closing == '}' && !s.key() {
				return false
			}
		case '"':
			return s.string()
		default:
			return s.literal() || s.number() || s.fail("Expecting value", s.at)
		}
	}
}

// key takes the name of a member, its colon and the blanks up to the value.
func (s *pythonScanner) key() bool {
	if s.peek() != '"' {
		return s.fail("Expecting property name enclosed in double quotes", s.at)
	}
	if !s.string() {
		return false
	}
	s.blanks()
	if s.peek() != ':' {
		return s.fail("Expecting ':' delimiter", s.at)
	}
	s.at++
	s.blanks()
	return true
}

func (s *pythonScanner) string() bool {
	begin := s.at
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return true
		case c < 0x20:
			return s.fail("Invalid control character at", s.at)
		case c == '\\':
			if s.at+1 == len(s.text) {
				return s.fail("Unterminated string starting at", begin)
			}
			if !s.escape() {
				return false
			}
		}
	}
	return s.fail("Unterminated string starting at", begin)
}

// escape takes the backslash and what it escapes, up to the last byte of it.
func (s *pythonScanner) escape() bool {
	s.at++
	switch s.text[s.at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		u := s.at
		for range 4 {
			s.at++
			if !isHex(s.peek()) {
				return s.fail(`Invalid \uXXXX escape`, u)
			}
		}
		if s.at+1 == len(s.text) {
			return s.fail(`Invalid \uXXXX escape`, u)
		}
		return true
	}
	return s.fail(`Invalid \escape`, s.at-1)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// literal takes one of Python's words.
func (s *pythonScanner) literal() bool {
	for _, word := range []string{"null", "true", "false", "NaN", "Infinity", "-Infinity"} {
		if rest := s.text[s.at:]; len(rest) >= len(word) && string(rest[:len(word)]) == word {
			s.at += len(word)
			return true
		}
	}
	return false
}

// number takes the longest number that stands here, as Python does: of "01", "1." and "1e" only the first digit.
func (s *pythonScanner) number() bool {
	start := s.at
	if s.peek() == '-' {
		s.at++
	}
	switch {
	case s.peek() == '0':
		s.at++
	case !s.digits():
		s.at = start
		return false
	}
	if whole := s.at; s.peek() == '.' {
		s.at++
		if !s.digits() {
			s.at = whole
		}
	}
	if mantissa := s.at; s.peek() == 'e' || s.peek() == 'E' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if !s.digits() {
			s.at = mantissa
		}
	}
	return true
}

// digits takes a run of digits and says whether there was one.
func (s *pythonScanner) digits() bool {
	start := s.at
	for c := s.peek(); '0' <= c && c <= '9'; c = s.peek() {
		s.at++
	}
	return s.at > start
}
