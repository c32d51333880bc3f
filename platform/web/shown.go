package web

import (
	"errors"
	"slices"
	"unicode/utf8"

	"portico.internal/platform/errs"
)

const (
	maxIssues = 200      // of one reply
	maxShown  = 64 << 10 // bytes of the input that they show
	shownCut  = 1000     // characters that are left of a text beyond
)

// shorten keeps a refusal from being larger than what was refused. Of very many issues the first are told; past maxShown
// of all inputs together a text is cut and anything else left out, with dots in its place.
func shorten(err error) error {
	var e *errs.Error
	if !errors.As(err, &e) {
		return err
	}
	e.Issues = slices.Clone(e.Issues[:min(len(e.Issues), maxIssues)]) // the rest may go
	room := maxShown
	for i := range e.Issues {
		left := room - sizeOf(e.Issues[i].Input, room)
		if left < 0 {
			e.Issues[i].Input = cut(e.Issues[i].Input)
			continue
		}
		room = left
	}
	return err
}

func cut(input any) string {
	text, _ := input.(string)
	n := 0
	for i := range text {
		if n++; n > shownCut {
			text = text[:i]
			break
		}
	}
	return text + "..."
}

// sizeOf is about how many bytes a parsed value takes as JSON; past limit it stops counting.
func sizeOf(value any, limit int) int {
	size := utf8.UTFMax // of a word, a small number, brackets
	switch value := value.(type) {
	case string:
		size += len(value)
	case number:
		size += len(value)
	case []any:
		for _, item := range value {
			if size += sizeOf(item, limit-size); size > limit {
				break
			}
		}
	case map[string]any:
		for name, item := range value {
			if size += len(name) + sizeOf(item, limit-size); size > limit {
				break
			}
		}
	}
	return size
}
