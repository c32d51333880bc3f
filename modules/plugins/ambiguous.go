package plugins

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// ambiguous tells whether an engine that tries one way after the other may need exponential time for an expression:
// whether some loop of its automaton can read the same text in two ways, as in `(a+)+`, `(a|aa)*` or `(.*a){12}`
// (Weideman et al., "Analyzing Matching Time Behavior of Backtracking Regular Expression Matchers Using Ambiguity of
// NFA", 2016). steps are how many may be made to find out; they are used up, and where they do not suffice
// (*steps is 0 or less then) the answer means nothing.
func ambiguous(text string, steps *int) bool {
	tree, err := syntax.Parse(keepApart(text), syntax.Perl)
	if err != nil {
		return true
	}
	prog, err := syntax.Compile(unroll(tree).Simplify())
	if err != nil {
		return true
	}
	a := newAutomaton(prog, steps)
	return slices.ContainsFunc(a.loops(), a.twoWays)
}

// many are the repetitions from which on it makes no difference whether there is an end to them.
const many = 10

// keepApart puts nothing, in brackets, before all alternatives but the first, so that the parser does not make one of
// those that read the same, as in `(a|a)*`: an engine that tries both does not see that either.
func keepApart(text string) string {
	var out strings.Builder
	for i, class := 0, 0; i < len(text); i++ {
		out.WriteByte(text[i])
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			out.WriteByte(text[i])
		case c == '[' && class == 0:
			class = i + 1 // right after it, or after ^, a ] is a character
			if strings.HasPrefix(text[class:], "^") {
				class++
			}
		case c == '[' && strings.HasPrefix(text[i:], "[:"):
			if end := strings.Index(text[i:], ":]"); end > 0 {
				out.WriteString(text[i+1 : i+end+2])
				i += end + 1
			}
		case c == ']' && class > 0 && i > class:
			class = 0
		case c == '|' && class == 0:
			out.WriteString("(?:)")
		}
	}
	return out.String()
}

// unroll writes an expression that is repeated often as one that is repeated for ever, unless it is so many copies of
// one length.
func unroll(re *syntax.Regexp) *syntax.Regexp {
	out := *re
	out.Sub = make([]*syntax.Regexp, len(re.Sub))
	for i, sub := range re.Sub {
		out.Sub[i] = unroll(sub)
	}
	if _, fixed := width(re); re.Op == syntax.OpRepeat && re.Max >= many && !fixed {
		out.Min, out.Max = min(re.Min, 1), -1
	}
	return &out
}

// width tells how many characters an expression reads where that is always the same number.
func width(re *syntax.Regexp) (n int, fixed bool) {
	switch re.Op {
	case syntax.OpLiteral:
		return len(re.Rune), true
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return 1, true
	case syntax.OpCapture, syntax.OpConcat:
		for _, sub := range re.Sub {
			w, ok := width(sub)
			if !ok {
				return 0, false
			}
			n += w
		}
		return n, true
	case syntax.OpAlternate:
		n, fixed = width(re.Sub[0])
		for _, sub := range re.Sub[1:] {
			w, ok := width(sub)
			fixed = fixed && ok && w == n
		}
		return n, fixed
	case syntax.OpRepeat:
		w, ok := width(re.Sub[0])
		return w * re.Min, ok && re.Min == re.Max
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		return 0, false
	default: // what stands between characters
		return 0, true
	}
}
