package docservice

import (
	"context"
	"net/http"
	"time"

	"portico.internal/platform/database"
	"portico.internal/platform/web"
)

func (s *Service) routes() []web.Route {
	configurable := web.Allow(s.mayConfigure)
	pdf, ranges := web.Media(contentType), web.Also(http.StatusPartialContent, http.StatusNotModified)
	return []web.Route{
		web.Get("/health", web.Public, s.serveHealth, web.Summary("The service works, its database included")),

		web.Raw(http.MethodPost, "/documents", web.User, s.upload, web.Status(http.StatusAccepted), web.Answers[Document](), web.Summary("Upload a PDF")),
		web.Get("/documents", web.User, s.serveList, web.Summary("Documents the caller may see, newest first")),
		web.Get("/documents/{id}", web.User, s.serveDocument, web.Summary("One document")),
		web.Get("/documents/{id}/status", web.User, s.serveStatus, web.Summary("How far reading the document has come")),
		web.Raw(http.MethodGet, "/documents/{id}/content", web.User, s.serveContent, pdf, ranges, web.Summary("The PDF, or ranges of it")),
		web.Raw(http.MethodHead, "/documents/{id}/content", web.User, s.serveContent, pdf, ranges, web.Summary("The headers of the PDF")),
		web.Patch("/documents/{id}", web.User, s.patchDocument, web.Summary("Change title and shared groups")),
		web.Delete("/documents/{id}", web.User, s.deleteDocument, web.Summary("Delete a document")),

		web.Get("/documents/categories", web.User, s.serveCategories, web.Summary("All categories by name")),
		web.Post("/documents/categories", web.Admin, s.postCategory, web.Status(http.StatusCreated), web.Summary("Make a category")),
		web.Patch("/documents/categories/{id}", web.Admin, s.patchCategory, web.Summary("Change a category")),
		web.Delete("/documents/categories/{id}", web.Admin, s.dropCategory, web.Summary("Delete a category; its documents stay")),

		web.Get("/documents/{id}/categories", web.User, s.serveAssignments, web.Summary("The categories of a document")),
		web.Put("/documents/{id}/categories", web.User, s.putAssignments, web.Summary("Set the categories of a document")),
		web.Post("/documents/{id}/categories/{category_id}", web.User, s.postAssignment, web.Status(http.StatusCreated), web.Summary("Put a document into a category")),
		web.Delete("/documents/{id}/categories/{category_id}", web.User, s.dropAssignment, web.Summary("Take a document out of a category")),

		web.Post("/documents/{id}/classify", web.User, s.postClassify, web.Summary("Have the AI put a document into further categories")),

		web.Get("/plugin/manifest", web.Public, s.serveManifest, web.Summary("What the service is and which settings it has")),
		web.Get("/plugin/settings", web.User, s.serveSettings, configurable, web.Summary("The settings, the API key in clear: for the gateway, which masks it")),
		web.Patch("/plugin/settings", web.User, s.patchSettings, configurable, web.Summary("Change settings by a merge patch")),
	}
}

type health struct {
	Status string `json:"status"`
}

func (s *Service) serveHealth(ctx context.Context, _ *web.None) (*health, error) {
	err := s.db.WithContext(database.Patience(ctx, 2*time.Second)).Exec("SELECT 1").Error
	return &health{"ok"}, err
}

type listIn struct {
	Text     string `query:"q" maxLength:"255" doc:"Part of the title or the file name, case ignored"`
	Category string `query:"category" maxLength:"64"`
	Limit    int    `query:"limit" minimum:"1" maximum:"1000"`
	Offset   int    `query:"offset" minimum:"0"`
}

type listOut struct {
	Total int64 `header:"X-Total-Count"`
	Body  []Document
}

func (s *Service) serveList(ctx context.Context, in *listIn) (*listOut, error) {
	var filters []scope
	if in.Text != "" {
		filters = append(filters, withText(in.Text))
	}
	if in.Category != "" {
		filters = append(filters, inCategory(in.Category))
	}
	rows, total, err := s.list(ctx, callerFrom(ctx), in.Limit, in.Offset, filters...)
	if err != nil {
		return nil, err
	}
	out := &listOut{Total: total, Body: make([]Document, len(rows))}
	for i := range rows {
		out.Body[i] = *documentOut(&rows[i])
	}
	return out, nil
}

type documentIn struct {
	ID string `path:"id"`
}

func (s *Service) serveDocument(ctx context.Context, in *documentIn) (*Document, error) {
	l, err := s.get(ctx, callerFrom(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	return documentOut(l), nil
}

func (s *Service) serveStatus(ctx context.Context, in *documentIn) (*DocumentStatus, error) {
	l, err := s.get(ctx, callerFrom(ctx), in.ID)
	if err != nil {
		return nil, err
	}
	d := l.Document
	return &DocumentStatus{ID: d.ID, Status: d.Status, Pages: d.Pages, Error: d.Error, UpdatedAt: d.UpdatedAt}, nil
}

type patchDocumentIn struct {
	documentIn
	Body DocumentUpdate
}

func (s *Service) patchDocument(ctx context.Context, in *patchDocumentIn) (*Document, error) {
	var groups []string
	if in.Body.SharedGroupIDs.Set {
		groups = in.Body.SharedGroupIDs.Value
	}
	if err := s.update(ctx, callerFrom(ctx), in.ID, in.Body.Title.Pointer(), groups); err != nil {
		return nil, err
	}
	return s.serveDocument(ctx, &in.documentIn)
}

func (s *Service) deleteDocument(ctx context.Context, in *documentIn) (*web.None, error) {
	return nil, s.remove(ctx, callerFrom(ctx), in.ID)
}
