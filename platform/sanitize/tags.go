package sanitize

import "slices"

// stripTags removes what a browser would take for a tag, a comment or a declaration: `<` with a letter, `/`, `!` or
// `?` right after it, up to the next `>`. What a removal joins is looked at again, so nested tags leave none behind.
// Of a tag that is never closed only the `<` goes, for the rest may be meant as text. Time is linear in the text.
func stripTags(s string) string {
	out := make([]byte, 0, len(s))
	var open []int // where in out a `<` stands that may start a tag
	for i := range len(s) {
		if s[i] == '>' {
			if at, ok := lastTag(out, &open); ok {
				out = out[:at]
				continue
			}
		}
		if s[i] == '<' {
			open = append(open, len(out))
		}
		out = append(out, s[i])
	}
	return string(dropOpenings(out))
}

// lastTag pops the last `<` that starts a tag. Those after it start none, nor ever will: what follows them stands.
func lastTag(out []byte, open *[]int) (at int, ok bool) {
	for n := len(*open); n > 0; n = len(*open) {
		at = (*open)[n-1]
		*open = (*open)[:n-1]
		if at+1 < len(out) && startsTag(out[at+1]) {
			return at, true
		}
	}
	return 0, false
}

// dropOpenings removes each `<` that would still start a tag, from the end on, as one may come to do so by another's removal.
func dropOpenings(s []byte) []byte {
	kept := make([]byte, 0, len(s))
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != '<' || len(kept) == 0 || !startsTag(kept[len(kept)-1]) {
			kept = append(kept, s[i])
		}
	}
	slices.Reverse(kept)
	return kept
}

func startsTag(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '/' || c == '!' || c == '?'
}
