package docservice

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pdfcpu/pdfcpu/pkg/api"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/stretchr/testify/require"

	"portico.internal/platform/testkit"
)

var (
	pdf   = testkit.PDFOf
	pdfOf = testkit.PDF
)

// locked is a PDF that opens with the password alone.
func locked(t *testing.T, content []byte) []byte {
	conf := model.NewAESConfiguration("user", "owner", 256)
	var out bytes.Buffer
	require.NoError(t, api.Encrypt(bytes.NewReader(content), &out, conf))
	return out.Bytes()
}

// bomb holds a few megabytes that each of its many streams claims as its own.
func bomb() []byte {
	const size = 8 << 20
	objects := []string{"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>", "<</Type/Page/Parent 2 0 R>>"}
	for range 400 {
		objects = append(objects, fmt.Sprintf("<</Length %d>>\nstream\nendstream", size))
	}
	return pdf("", append(objects, "<<>>\nstream\n"+strings.Repeat("x", size)+"\nendstream")...)
}

func TestReadPDF(t *testing.T) {
	const catalogue = "<</Type/Catalog/Pages 2 0 R>>"
	tests := map[string]struct {
		content []byte
		want    facts
		err     error
	}{
		"pages and title":     {pdfOf(3, "Annual report"), facts{Pages: 3, Title: "Annual report"}, nil},
		"no title":            {pdfOf(1, ""), facts{Pages: 1}, nil},
		"title in UTF-16":     {pdfOf(1, "\xfe\xff\x00\xc4\x00h\x00r\x00e\x20\xac"), facts{Pages: 1, Title: "Ähre€"}, nil},
		"many pages":          {pdfOf(1200, "t"), facts{Pages: 1200, Title: "t"}, nil},
		"junk before header":  {append([]byte("junk\n"), pdfOf(2, "")...), facts{Pages: 2}, nil},
		"lost table":          {bytes.Replace(pdfOf(4, ""), []byte("startxref\n"), []byte("startxref\n9"), 1), facts{Pages: 4}, nil},
		"claims 2^31 pages":   {pdf("", catalogue, "<</Type/Pages/Count 2147483647/Kids[3 0 R]>>", "<</Type/Page/Parent 2 0 R>>"), facts{Pages: 1}, nil},
		"page tree in a ring": {pdf("", catalogue, "<</Type/Pages/Count 2/Kids[3 0 R 2 0 R 3 0 R]>>", "<</Type/Page/Parent 2 0 R>>"), facts{Pages: 1}, nil},
		"kids of wrong type":  {pdf("", catalogue, "<</Type/Pages/Count 2/Kids[3 0 R 4 0 R null 7]>>", "<</Type/Page>>", "(text)"), facts{Pages: 1}, nil},
		"no pages":            {pdf("", catalogue, "<</Type/Pages/Count 0/Kids[]>>"), facts{}, isEmpty},
		"no page tree":        {pdf("", "<</Type/Catalog>>"), facts{}, isDamaged},
		"garbage after head":  {[]byte("%PDF-1.7\n" + strings.Repeat("\x00\xffgarbage <<[(", 500)), facts{}, isDamaged},
		"header only":         {[]byte("%PDF-"), facts{}, isDamaged},
		"nested without end":  {pdf("", catalogue, "<</Kids "+strings.Repeat("[", 200_000)), facts{}, isEmpty},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := readPDF(t.Context(), bytes.NewReader(test.content), int64(len(test.content)))
			require.ErrorIs(t, err, test.err)
			require.Equal(t, test.want, got)
		})
	}
	t.Run("password", func(t *testing.T) {
		content := locked(t, pdfOf(2, "secret"))
		_, err := readPDF(t.Context(), bytes.NewReader(content), int64(len(content)))
		require.ErrorIs(t, err, isProtected)
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		content := pdfOf(2, "")
		_, err := readPDF(ctx, bytes.NewReader(content), int64(len(content)))
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("failing disk", func(t *testing.T) {
		content := pdfOf(2, "")
		_, err := readPDF(t.Context(), brokenDisk{bytes.NewReader(content)}, int64(len(content)))
		require.ErrorIs(t, err, errDisk)
	})
}

// Cut anywhere, a PDF is read or refused, and never believed to have more pages than it has.
func TestReadPDFCutAnywhere(t *testing.T) {
	whole := pdfOf(5, "Cut")
	for end := 0; end < len(whole); end += 7 {
		got, err := readPDF(t.Context(), bytes.NewReader(whole[:end]), int64(end))
		var problem unreadable
		if err != nil {
			require.ErrorAs(t, err, &problem, "cut at %d", end)
		}
		require.LessOrEqual(t, got.Pages, 5)
	}
}

func FuzzReadPDF(f *testing.F) {
	f.Add(pdfOf(2, "seed"))
	f.Add([]byte("%PDF-1.7\ntrailer<</Root 1 0 R>>"))
	f.Fuzz(func(t *testing.T, content []byte) {
		_, err := readPDF(t.Context(), bytes.NewReader(content), int64(len(content)))
		var problem unreadable
		if err != nil && !errors.As(err, &problem) {
			t.Fatalf("not a verdict about the content: %v", err)
		}
	})
}

var errDisk = errors.New("input/output error")

type brokenDisk struct{ io.ReadSeeker }

func (brokenDisk) Read([]byte) (int, error) { return 0, errDisk }

func fileOf(t *testing.T, content []byte) *os.File {
	path := filepath.Join(t.TempDir(), "x.pdf")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}
