package module

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Line is one line of a terminal that is drawn again and again.
type Line struct {
	io.Writer
	drawn int // characters
}

// Draw puts a text in the place of the one before.
func (l *Line) Draw(text string) {
	width := utf8.RuneCountInString(text)
	fmt.Fprintf(l, "\r%s%s", text, strings.Repeat(" ", max(0, l.drawn-width)))
	l.drawn = width
}

// Clear takes the text away.
func (l *Line) Clear() {
	if l.drawn > 0 {
		fmt.Fprintf(l, "\r%s\r", strings.Repeat(" ", l.drawn))
	}
	l.drawn = 0
}

// Leave goes on below the text.
func (l *Line) Leave() {
	if l.drawn > 0 {
		fmt.Fprintln(l)
	}
	l.drawn = 0
}
