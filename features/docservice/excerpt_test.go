package docservice

import (
	"bytes"
	"compress/zlib"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// page is a PDF of one page with the content and the resources, and further objects from number 5 on.
func page(content, resources string, objects ...string) []byte {
	return pdf("", append([]string{"<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
		"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<<" + resources + ">>>>", streamOf("", content)}, objects...)...)
}

func streamOf(fields, content string) string {
	return fmt.Sprintf("<<%s/Length %d>>\nstream\n%s\nendstream", fields, len(content), content)
}

func deflated(content string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = w.Write([]byte(content))
	_ = w.Close()
	return b.String()
}

func TestReadText(t *testing.T) {
	const winAnsi = "/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>>>"
	const mapped = "/Font<</F1<</Type/Font/Subtype/TrueType/BaseFont/A/Encoding/Identity-H/ToUnicode 5 0 R>>>>"
	cmap := streamOf("", "/CIDInit/ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange "+
		"2 beginbfchar <0001> <65E5> <0002> <672C> endbfchar endcmap end end")
	twenty := make([]string, excerptPages)
	for i := range twenty {
		twenty[i] = fmt.Sprint("Page ", i+1)
	}
	first := pdfOf(2, "")
	for name, test := range map[string]struct {
		content []byte
		want    string
	}{
		"pages":               {pdfOf(3, "Annual report"), "Page 1 Page 2 Page 3"},
		"first pages only":    {pdfOf(excerptPages+5, ""), strings.Join(twenty, " ")},
		"lines":               {page("BT (One) Tj T* (two) Tj ET BT [(thr)-20(ee)] TJ ET", ""), "One two three"},
		"accents":             {page("BT /F1 9 Tf (Gr\\374\\337e \\200) Tj ET", winAnsi), "Grüße €"},
		"mapped to Unicode":   {page("BT /F1 9 Tf <00010002> Tj ET", mapped, cmap), "日本"},
		"packed":              {pdf("", "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>", "<</Type/Page/Parent 2 0 R/Contents 4 0 R>>", streamOf("/Filter/FlateDecode", deflated("BT (Packed) Tj ET"))), "Packed"},
		"version 2.0":         {bytes.Replace(first, []byte("%PDF-1.7"), []byte("%PDF-2.0"), 1), "Page 1 Page 2"},
		"a page that fails":   {bytes.Replace(first, []byte("(Page 1) Tj"), []byte("/Page  1 Tj"), 1), "Page 2"},
		"no text":             {page("0 0 10 10 re f", ""), ""},
		"no content":          {pdf("", "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>", "<</Type/Page>>"), ""},
		"no pages":            {pdf("", "<</Type/Catalog>>"), ""},
		"table that errs":     {bytes.Replace(first, []byte("\n2 0 obj"), []byte("\n9 0 obj"), 1), ""},
		"unknown filter":      {pdf("", "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>", "<</Type/Page/Contents 4 0 R>>", streamOf("/Filter/Nonsense", "x")), ""},
		"password":            {locked(t, pdfOf(2, "")), ""},
		"garbage":             {[]byte("%PDF-1.7\n" + strings.Repeat("\x00\xffgarbage <<[(", 500)), ""},
		"header only":         {[]byte("%PDF-"), ""},
		"what nobody can see": {page("BT (a\\000\\007b\\033[31m) Tj ET", ""), "ab[31m"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, readText(bytes.NewReader(test.content), int64(len(test.content))))
		})
	}
	whole := pdfOf(5, "Cut")
	for end := 0; end < len(whole); end += 7 {
		readText(bytes.NewReader(whole[:end]), int64(end)) // does not panic
	}
}

func TestExcerptIsBounded(t *testing.T) {
	long := excerptOf(strings.Repeat("日本 ", maxExcerpt))
	require.LessOrEqual(t, len(long), maxExcerpt)
	require.Greater(t, len(long), maxExcerpt-utf8.UTFMax)
	require.True(t, utf8.ValidString(long))
	require.Equal(t, "a b <i>c</i> é", excerptOf(" a\u200b\r\n\tb\u00a0<i>c</i>\x00 \xff\u202eé\n"))
}

// The text is kept for the classifier, and is in no reply.
func TestExcerptIsKept(t *testing.T) {
	eachWithAI(t, func(t *testing.T, f *fixture, _ *fakeGateway, m *fakeAI) {
		f.close()
		f.config.Inspector = inspect(t)
		f.open()
		f.category("Alpha")
		d := f.add(ann, "a.pdf", page("BT (Rent is due) Tj ET", ""))
		f.called(m, 1)
		require.Contains(t, m.calls()[0].Messages[1].Content, `"text":"Rent is due"`)
		f.call(ann, "POST", "/documents/"+d.ID+"/classify", "").is(200)
		require.Contains(t, m.calls()[1].Messages[1].Content, `"text":"Rent is due"`)
		require.NotContains(t, f.call(ann, "GET", "/documents/"+d.ID, "").is(200).body, "Rent")
		require.NotContains(t, f.call(ann, "GET", "/documents", "").is(200).body, "Rent")
		f.idle()
		f.call(ann, "DELETE", "/documents/"+d.ID, "").is(204)
		var left int64
		require.NoError(t, f.db.Model(&excerpt{}).Count(&left).Error)
		require.Zero(t, left)
	})
}

// A text at which the reading process hangs or dies costs the document nothing but the text.
func TestTextIsNoCondition(t *testing.T) {
	loop := pdf("", "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 5/Kids[2 0 R 3 0 R]>>", "<</Type/Page/Parent 2 0 R>>")
	require.NoError(t, func() error { _, err := readPDF(t.Context(), bytes.NewReader(loop), int64(len(loop))); return err }())
	for name, test := range map[string]struct {
		command []string
		content []byte
		want    facts
	}{
		"both":            {inspect(t), pdfOf(2, "T"), facts{Pages: 2, Title: "T", Text: "Page 1 Page 2"}},
		"ring of pages":   {inspect(t), loop, facts{Pages: 1}},
		"never ends":      {[]string{"/bin/sh", "-c", `echo '{"pages":2,"title":"T"}'; exec /bin/sleep 600`}, nil, facts{Pages: 2, Title: "T"}},
		"dies":            {[]string{"/bin/sh", "-c", `echo '{"pages":2}'; exit 2`}, nil, facts{Pages: 2}},
		"cut":             {[]string{"/bin/sh", "-c", `echo '{"pages":2}{"text":"abc'`}, nil, facts{Pages: 2}},
		"nonsense":        {[]string{"/bin/sh", "-c", `echo '{"pages":2}{"text":7}'`}, nil, facts{Pages: 2}},
		"goes on and on":  {[]string{"/bin/sh", "-c", `echo '{"pages":2}{"text":"abc"}'; while :; do echo '{}'; done`}, nil, facts{Pages: 2, Text: "abc"}},
		"not cleaned":     {[]string{"/bin/sh", "-c", `echo '{"pages":2}{"text":"a\\u0000\\nb"}'`}, nil, facts{Pages: 2, Text: "a b"}},
		"too long for us": {[]string{"/bin/sh", "-c", `echo '{"pages":2}'; printf '{"text":"'; exec /usr/bin/yes | /usr/bin/head -c 1000000`}, nil, facts{Pages: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			i := newInspector(test.command)
			if i.textTimeout = 300 * time.Millisecond; name == "both" {
				i.textTimeout = 20 * time.Second
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer time.AfterFunc(15*time.Second, cancel).Stop()
			got, err := i.inspect(ctx, fileOf(t, test.content))
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

// Text that unpacks to more memory than there is ends the process that reads it, and nothing else.
func TestTextBomb(t *testing.T) {
	f := start(t, Config{Inspector: inspect(t)})
	packed := streamOf("/Filter/FlateDecode", deflated(strings.Repeat("BT ("+strings.Repeat("x", 1<<20)+") Tj ET ", 8)))
	d := f.add(ann, "bomb.pdf", pdf("", "<</Type/Catalog/Pages 2 0 R>>", "<</Type/Pages/Count 1/Kids[3 0 R]>>",
		"<</Type/Page/Parent 2 0 R/Contents["+strings.Repeat("4 0 R ", 400)+"]>>", packed))
	require.Equal(t, "ready", d.Status)
	require.Equal(t, "ready", f.add(ann, "next.pdf", pdfOf(1, "")).Status)
	var texts []excerpt
	require.NoError(t, f.db.Find(&texts).Error)
	require.Len(t, texts, 1)
	require.Equal(t, "Page 1", texts[0].Content)
}

// Stopping in the middle of a text is no reason to do without it.
func TestStopInTheText(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	dir := t.TempDir()
	i := newInspector([]string{"/bin/sh", "-c", `echo '{"pages":2}'; echo > ` + dir + `/begun; exec /bin/sleep 600`})
	go func() {
		for !exists(dir + "/begun")() {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err := i.inspect(ctx, fileOf(t, nil))
	require.ErrorIs(t, err, context.Canceled)
}
