package docservice

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"portico.internal/platform/errs"
	"portico.internal/platform/sanitize"
	"portico.internal/platform/web"
)

const (
	pdfMarker    = "%PDF-"
	markerWithin = 1024 // bytes; ISO 32000-1, implementation note 13: readers accept the header there
)

// upload takes a document in as it comes in: nothing but the staged file grows with it.
func (s *Service) upload(w http.ResponseWriter, r *http.Request) error {
	limit := s.uploadLimit(r.Context())
	if r.ContentLength > limit {
		w.Header().Set("Connection", "close")
		return errTooLarge(limit)
	}
	body := &noting{Reader: http.MaxBytesReader(w, r.Body, limit)}
	d, err := s.receive(r, body)
	if err == nil {
		err = s.create(r.Context(), d)
	}
	if err != nil {
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(body.failure, &tooLarge):
			w.Header().Set("Connection", "close")
			return errTooLarge(limit)
		case body.failure != nil:
			return errs.Wrap(errs.ClientClosed, "", body.failure)
		}
		return err
	}
	return web.WriteJSON(w, http.StatusAccepted, documentOut(&listed{Document: *d}))
}

// uploadLimit is how many bytes an upload request may have at this moment.
func (s *Service) uploadLimit(ctx context.Context) int64 {
	limits, err := s.gateway.limits.get(ctx)
	if err != nil || limits == nil || limits.MaxPDFMB < 1 || limits.MaxPDFMB > s.maxUpload>>20 {
		return s.maxUpload
	}
	return min(limits.MaxPDFMB<<20+uploadFrame, s.maxUpload)
}

func errTooLarge(limit int64) error {
	return errs.New(errs.TooLarge, fmt.Sprintf("The upload is larger than %d bytes", limit))
}

// receive reads the whole form and returns the document with its file staged. When it fails nothing is staged.
func (s *Service) receive(r *http.Request, body io.Reader) (d *document, err error) {
	form, err := multipartOf(r, body)
	if err != nil {
		return nil, err
	}
	d = &document{OwnerID: callerFrom(r.Context()).id, Status: statusProcessing}
	defer func() {
		if err != nil && d.ID != "" {
			err = errors.Join(err, s.files.remove(d.ID))
		}
	}()
	for {
		part, err := form.NextPart()
		if err == io.EOF { //nolint:errorlint // a form that ends too early has an error that wraps it
			break
		}
		if err != nil {
			return d, unparsable(err)
		}
		switch part.FormName() {
		case "file":
			err = s.receiveFile(part, d)
		case "title":
			err = receiveTitle(part, d)
		}
		if err != nil {
			return d, err
		}
	}
	if d.ID == "" {
		return d, missingFile(nil)
	}
	if _, err := io.Copy(io.Discard, body); err != nil { // the form is whole; the request must be, too
		return d, unparsable(err)
	}
	if !d.TitleGiven {
		d.Title = titleOf(d.Filename)
	}
	return d, nil
}

func multipartOf(r *http.Request, body io.Reader) (*multipart.Reader, error) {
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case kind != "multipart/form-data":
		return nil, missingFile(nil)
	case err != nil || params["boundary"] == "":
		return nil, errs.New(errs.BadRequest, "Missing boundary in multipart.")
	}
	return multipart.NewReader(body, params["boundary"]), nil
}

// receiveFile stages the content, once its beginning says that it is a PDF, whatever the client calls it.
func (s *Service) receiveFile(part *multipart.Part, d *document) error {
	switch name, given := filenameOf(part); {
	case d.ID != "":
		return errs.New(errs.BadRequest, "An upload holds one file")
	case !given:
		return errs.InvalidInput(errs.ValueError("Expected UploadFile, received: <class 'str'>", nil, "body", "file"))
	case name == "":
		return missingFile(nil) // what a browser sends when no file was chosen
	default:
		d.Filename = cleanFilename(name)
	}
	content := bufio.NewReaderSize(part, markerWithin)
	if head, _ := content.Peek(markerWithin); !bytes.Contains(head, []byte(pdfMarker)) {
		return errs.New(errs.UnsupportedMediaType, "Only PDF files are accepted")
	}
	source := &noting{Reader: content}
	id := uuid.NewString()
	var err error
	if d.Size, d.SHA256, err = s.files.stage(id, source); err != nil {
		if source.failure != nil {
			return unparsable(source.failure)
		}
		return err
	}
	d.ID = id
	return nil
}

// filenameOf returns the name, and whether the part is a file at all.
func filenameOf(part *multipart.Part) (name string, given bool) {
	_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
	if err != nil {
		return "", false
	}
	name, given = params["filename"]
	return name, given
}

// receiveTitle takes the optional field title; a blank one is none.
func receiveTitle(part *multipart.Part, d *document) error {
	raw, err := io.ReadAll(io.LimitReader(part, 4*maxTitle+1))
	if err != nil {
		return unparsable(err)
	}
	title := sanitize.Line(strings.ToValidUTF8(string(raw), "\uFFFD"))
	if len(raw) > 4*maxTitle || tooLong(title, maxTitle) {
		return errs.InvalidInput(errs.Issue{
			Type: "string_too_long", Loc: []any{"body", "title"}, Msg: fmt.Sprintf("String should have at most %d characters", maxTitle),
			Input: truncate(title, maxTitle), Ctx: map[string]any{"max_length": maxTitle},
		})
	}
	d.Title, d.TitleGiven = title, title != ""
	return nil
}

func missingFile(input any) error {
	return errs.InvalidInput(errs.Issue{Type: "missing", Loc: []any{"body", "file"}, Msg: "Field required", Input: input})
}

func unparsable(cause error) error {
	return errs.Wrap(errs.BadRequest, "There was an error parsing the body", cause)
}

// noting remembers how reading failed, so that a broken source is told from a broken destination.
type noting struct {
	io.Reader
	failure error
}

func (n *noting) Read(p []byte) (int, error) {
	count, err := n.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		n.failure = err
	}
	return count, err
}
