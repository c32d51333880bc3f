package docservice

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// facts is what a PDF tells of itself.
type facts struct {
	Pages int
	Title string // as in the file; empty when it names none
	Text  string // the beginning of it, see [readText]
}

// unreadable says in words for the owner why a PDF cannot be read. Reading it again gives the same.
type unreadable string

func (u unreadable) Error() string { return string(u) }

const (
	isProtected unreadable = "The PDF is protected by a password"
	isUnknown   unreadable = "The PDF is encrypted in a way that cannot be read"
	isDamaged   unreadable = "The PDF is damaged and cannot be read"
	isEmpty     unreadable = "The PDF has no pages"
	isTooHard   unreadable = "The PDF takes too much time or memory to read"
)

// readPDF reads the facts of a PDF of size bytes, but for its text. Its error is the context's, one of r that is no fault of the
// content, or an [unreadable]. Content made to break readers may still take much memory and ignore the context:
// see [inspector].
func readPDF(ctx context.Context, r io.ReadSeeker, size int64) (f facts, err error) {
	defer func() {
		if p := recover(); p != nil {
			f, err = facts{}, fmt.Errorf("%w (panic: %v)", isDamaged, p)
		}
	}()
	source := &watchedReader{ReadSeeker: r, ctx: ctx}
	pdf, err := pdfcpu.ReadWithContext(ctx, source, readerConfig(size))
	switch {
	case ctx.Err() != nil:
		return facts{}, ctx.Err()
	case source.failure != nil:
		return facts{}, source.failure
	case errors.Is(err, pdfcpu.ErrWrongPassword):
		return facts{}, isProtected
	case errors.Is(err, pdfcpu.ErrUnsupportedEncryptionFeature):
		return facts{}, isUnknown
	case err != nil:
		return facts{}, fmt.Errorf("%w (%w)", isDamaged, err)
	}
	if f.Pages, err = countPages(ctx, pdf.XRefTable); err != nil {
		return facts{}, err
	}
	f.Title = infoTitle(pdf.XRefTable)
	return f, nil
}

// readerConfig bounds what a file of size bytes may make the reader allocate for one object. A literal, because the
// library's own default would create files in the user's configuration directory.
func readerConfig(size int64) *model.Configuration {
	limits := model.DefaultResourceLimits()
	limits.MaxStreamBytes = size
	limits.MaxDecodeBytes = 128 << 20
	limits.MaxObjectCount = 2_000_000
	limits.MaxXRefEntries = 2_000_000
	return &model.Configuration{
		Cmd: model.LISTINFO, Reader15: true, ValidationMode: model.ValidationRelaxed, Offline: true, Limits: limits,
	}
}

// countPages counts the leaves of the page tree. The count that the file claims is not believed, and a node met
// twice is not walked again, so no claim and no cycle makes the count larger than the file.
func countPages(ctx context.Context, table *model.XRefTable) (int, error) {
	root, err := table.Pages()
	if err != nil || root == nil {
		return 0, fmt.Errorf("%w (no page tree: %w)", isDamaged, err)
	}
	seen := map[int]bool{}
	pages := 0
	for nodes := []types.Object{*root}; len(nodes) > 0; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		node := nodes[len(nodes)-1]
		nodes = nodes[:len(nodes)-1]
		if ref, ok := node.(types.IndirectRef); ok {
			if seen[ref.ObjectNumber.Value()] {
				continue
			}
			seen[ref.ObjectNumber.Value()] = true
		}
		dict, err := table.DereferenceDict(node)
		if err != nil || dict == nil {
			continue
		}
		if kids, found := dict.Find("Kids"); found {
			list, _ := table.DereferenceArray(kids)
			nodes = append(nodes, list...)
			continue
		}
		pages++
	}
	if pages == 0 {
		return 0, isEmpty
	}
	return pages, nil
}

// infoTitle returns the title of the document information dictionary, empty when there is none that can be read.
func infoTitle(table *model.XRefTable) string {
	if table.Info == nil {
		return ""
	}
	info, err := table.DereferenceDict(*table.Info)
	if err != nil || info == nil {
		return ""
	}
	entry, found := info.Find("Title")
	if !found {
		return ""
	}
	title, err := table.DereferenceText(entry)
	if err != nil {
		return ""
	}
	return title
}

// watchedReader ends a reading whose context has ended, and tells a failing disk from failing content.
type watchedReader struct {
	io.ReadSeeker
	ctx     context.Context
	failure error
}

func (w *watchedReader) Read(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := w.ReadSeeker.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		w.failure = err
	}
	return n, err
}
