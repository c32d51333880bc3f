package plugins

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	maxPattern = 1000      // characters
	maxProgram = 2000      // instructions
	maxSteps   = 1_000_000 // of looking at all patterns of a schema
)

var (
	errPattern      = errors.New("settings_schema holds a pattern that is not understood (look-around and back references are not)")
	errLargePattern = errors.New("settings_schema holds a pattern that is too large")
	errSlowPattern  = errors.New("settings_schema holds a pattern that may take a browser for ever")
	errManyPatterns = errors.New("settings_schema holds too many large patterns")
)

// pattern is a regular expression that needs no more than size steps for each character.
type pattern struct {
	*regexp.Regexp
	size int
}

var _ jsonschema.Regexp = (*pattern)(nil)

// patterns compiles the regular expressions of one schema. Ours are matched in linear time, but what is counted in them
// is written out (`(a{1000}){1000}`), and those who render the form have engines that try every way to match.
type patterns struct {
	known   map[string]*pattern
	steps   int // what is left for finding out whether they are ambiguous
	refused error
	sealed  bool // the schema is there: what comes now are values of the format regex
}

// compile is a [jsonschema.RegexpEngine]. After the first refusal it refuses everything: the schema is lost.
func (p *patterns) compile(text string) (jsonschema.Regexp, error) {
	switch known := p.known[text]; {
	case p.sealed:
		return compilePattern(text)
	case p.refused != nil:
		return nil, p.refused
	case known != nil:
		return known, nil
	}
	compiled, err := compilePattern(text)
	if err == nil {
		p.steps -= compiled.size * stepsOfInstruction
		if ambiguous(text, &p.steps) {
			err = errSlowPattern
		}
		if p.steps <= 0 {
			err = errManyPatterns
		}
	}
	if err != nil {
		p.refused = err
		return nil, err
	}
	p.known[text] = compiled
	return compiled, nil
}

func compilePattern(text string) (*pattern, error) {
	if len(text) > maxPattern {
		return nil, errLargePattern
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	var refused *syntax.Error
	switch {
	case errors.As(err, &refused) && slices.Contains(tooLarge, refused.Code):
		return nil, errLargePattern
	case err != nil:
		return nil, errPattern
	}
	size := programSize(tree)
	if size > maxProgram {
		return nil, errLargePattern
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		return nil, errPattern
	}
	return &pattern{compiled, size}, nil
}

// stepsOfInstruction is what compiling takes, compared with a step of [ambiguous].
const stepsOfInstruction = 10

var tooLarge = []syntax.ErrorCode{syntax.ErrLarge, syntax.ErrInvalidRepeatSize, syntax.ErrNestingDepth}

// programSize estimates how many instructions an expression has when it is written out.
func programSize(re *syntax.Regexp) int {
	size := 1
	if re.Op == syntax.OpLiteral {
		size = len(re.Rune)
	}
	for _, sub := range re.Sub {
		size = min(size+programSize(sub), maxProgram+1)
	}
	if re.Op == syntax.OpRepeat {
		size *= max(re.Min, re.Max, 1)
	}
	return min(size, maxProgram+1)
}
