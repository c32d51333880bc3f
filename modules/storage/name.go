package storage

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxKey     = 1024 // bytes
	maxName    = 700  // bytes of a blob's name that is a key
	maxSegment = 200  // bytes; file systems take 255, encrypted ones less
)

// reserved begins all names that are no keys.
const reserved = "~"

// validKey tells whether clients may use the key: 1 to 1024 bytes of UTF-8 without control characters, whose segments
// between slashes are neither empty nor dots.
func validKey(key string) bool {
	if len(key) < 1 || len(key) > maxKey || !printable(key) {
		return false
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// plainName tells whether a blob may have the key for its name: one that every kind of backend and every file system
// keeps as it is.
func plainName(key string) bool {
	return len(key) <= maxName && !strings.HasPrefix(key, reserved) && plainPath(key)
}

// escaped is how the drivers begin what they write in place of odd characters; a name that has it comes back as another.
const escaped = "__0x"

func plainPath(path string) bool {
	if !utf8.ValidString(path) || strings.Contains(path, escaped) {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || len(segment) > maxSegment || segment[0] == '.' || strings.HasSuffix(segment, ".") ||
			strings.HasPrefix(segment, " ") || strings.HasSuffix(segment, " ") || strings.ContainsFunc(segment, odd) {
			return false
		}
	}
	return true
}

// odd tells characters that some backend escapes, forbids or gives a meaning.
func odd(r rune) bool {
	if r < utf8.RuneSelf {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune(" -_.+=,()@~!'", r))
	}
	return !unicode.In(r, unicode.L, unicode.M, unicode.N)
}

// opaqueName is that of a blob which cannot have its key's. The version makes it one that no other blob ever has.
func opaqueName(version string) string { return reserved + "/" + version[:2] + "/" + version }

// parents are the paths above a name, the widest first.
func parents(name string) []string {
	var list []string
	for i := range len(name) {
		if name[i] == '/' {
			list = append(list, name[:i])
		}
	}
	return list
}

// past is the least text after all that begin with prefix, in the order of bytes; empty where there is none.
func past(prefix string) string {
	for prefix != "" {
		last, size := utf8.DecodeLastRuneInString(prefix)
		prefix = prefix[:len(prefix)-size]
		switch next := last + 1; {
		case next == 0xD800:
			return prefix + string(rune(0xE000)) // surrogates are no characters
		case next <= unicode.MaxRune:
			return prefix + string(next)
		}
	}
	return ""
}
