package testkit

import (
	"bytes"
	"fmt"
	"strings"
)

// PDF is a whole PDF with that many pages of text, and a title when it is not empty.
func PDF(pages int, title string) []byte {
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", ""}
	var kids strings.Builder
	for n := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", len(objects)+1)
		text := fmt.Sprintf("BT /F1 24 Tf 72 720 Td (Page %d) Tj ET", n+1)
		objects = append(objects,
			fmt.Sprintf("<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %d 0 R/Resources<<>>>>", len(objects)+2),
			fmt.Sprintf("<</Length %d>>\nstream\n%s\nendstream", len(text), text))
	}
	objects[1] = fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]>>", pages, kids.String())
	info := ""
	if title != "" {
		objects = append(objects, fmt.Sprintf("<</Title(%s)>>", title))
		info = fmt.Sprintf("/Info %d 0 R", len(objects))
	}
	return PDFOf(info, objects...)
}

// PDFOf writes a PDF from its objects, the first of which is the catalogue, with a correct cross-reference table. Info
// goes into the trailer.
func PDFOf(info string, objects ...string) []byte {
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	offsets := make([]int, len(objects))
	for i, o := range objects {
		offsets[i] = b.Len()
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(objects)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, info, start)
	return b.Bytes()
}
