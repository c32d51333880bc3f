package docservice

import (
	"bytes"
	"io"
	"strings"
	"unicode"

	pdftext "github.com/ledongthuc/pdf"

	"portico.internal/platform/sanitize"
)

const (
	maxExcerpt   = 32 << 10 // bytes of UTF-8
	excerptPages = 20
)

// readText returns the beginning of the text of a PDF: of its first pages, as [excerptOf] has it. It is empty for a
// scan, and for whatever else has no text that can be read. Content made to break readers may make it take all memory
// or never end.
func readText(r io.ReaderAt, size int64) (text string) {
	var pages strings.Builder
	defer func() {
		_ = recover() // the library panics at what it does not expect; the pages before count
		text = excerptOf(pages.String())
	}()
	reader, err := pdftext.NewReader(anyVersion{r}, size)
	if err != nil {
		return
	}
	for n := 1; n <= min(reader.NumPage(), excerptPages) && pages.Len() < 2*maxExcerpt; n++ {
		page, err := reader.Page(n).GetPlainText(nil)
		if err == nil {
			pages.WriteString(page + "\n")
		}
	}
	return
}

// excerptOf cleans a text for a model to read and cuts it: one line of words with a blank between them, without
// characters that cannot be seen.
func excerptOf(s string) string {
	words := strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case sanitize.Invisible(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "")))
	s = strings.Join(words, " ")
	if len(s) > maxExcerpt {
		s = strings.ToValidUTF8(s[:maxExcerpt], "")
	}
	return s
}

// anyVersion makes a PDF of any version one of 1.7: the library refuses 2.0, which differs in nothing that it reads.
type anyVersion struct{ io.ReaderAt }

func (a anyVersion) ReadAt(p []byte, at int64) (int, error) {
	n, err := a.ReaderAt.ReadAt(p, at)
	if at == 0 && bytes.HasPrefix(p[:n], []byte(pdfMarker)) {
		copy(p[:n], pdfMarker+"1.7\n")
	}
	return n, err
}
