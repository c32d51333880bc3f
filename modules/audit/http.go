package audit

import (
	"context"
	"io"

	"gorm.io/gorm"

	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/web"
)

type handler struct {
	service *service
	log     *audit.Log
	db      *gorm.DB
}

func newHandler(s *service, log *audit.Log, db *gorm.DB) *handler { return &handler{s, log, db} }

func (h *handler) routes() []web.Route {
	return []web.Route{
		web.Get("/api/admin/audit", web.Admin, h.list, web.Summary("Who has done what, the newest first")),
		web.Get("/api/admin/audit/export", web.Admin, h.export, web.Media(csvType), web.Summary("The same as CSV, all of it; that it was exported is recorded")),
	}
}

// defaultLimit is the length of a page for those who do not say one.
const defaultLimit = 100

func (h *handler) list(ctx context.Context, in *listIn) (*listOut, error) {
	if err := in.parse(); err != nil {
		return nil, err
	}
	limit := defaultLimit
	if in.Limit.Set {
		limit = in.Limit.Value
	}
	rows, total, err := h.service.list(ctx, &in.filter, in.Before, limit)
	if err != nil {
		return nil, err
	}
	out := &listOut{Total: total, Body: []entryOut{}}
	for i := range rows {
		out.Body = append(out.Body, show(&rows[i]))
	}
	return out, nil
}

type exportIn struct{ filter }

type exportOut struct {
	Disposition string `header:"Content-Disposition"`
	Body        web.Written
}

// export holds what there is when it begins, its own entry included.
func (h *handler) export(ctx context.Context, in *exportIn) (*exportOut, error) {
	if err := in.parse(); err != nil {
		return nil, err
	}
	err := database.Write(ctx, h.db, func(tx *gorm.DB) error {
		return h.log.Record(ctx, tx, audit.Event{Action: "audit.exported", Target: audit.Target{Type: "audit"}, Changes: in.named()})
	})
	if err != nil {
		return nil, err
	}
	return &exportOut{`attachment; filename="audit.csv"`, func(w io.Writer) error {
		return writeCSV(w, func(take func(*Entry) error) error { return h.service.each(ctx, &in.filter, take) })
	}}, nil
}
