package settings

import (
	"context"

	"portico.internal/platform/web"
)

// documentLimits is the setting documents.limits. 1 MB is 1,048,576 bytes.
type documentLimits struct {
	MaxPDFMB int `json:"max_pdf_mb"`
}

type documentLimitsUpdate struct {
	MaxPDFMB web.Optional[int] `json:"max_pdf_mb,omitzero" minimum:"1" maximum:"500" doc:"Of the file in an upload, in units of 1,048,576 bytes"`
}

// limits are what users may send.
type limits struct{ documents *Typed[documentLimits] }

var _ Limits = (*limits)(nil)

func newLimits(s *Store) *limits {
	return &limits{Of(s, "documents.limits", documentLimits{MaxPDFMB: 20})}
}

func (l *limits) MaxPDFBytes(ctx context.Context) (int64, error) {
	v, err := l.documents.Get(ctx)
	return int64(v.Is.MaxPDFMB) << 20, err
}

func (l *limits) routes() []web.Route {
	return []web.Route{
		web.Get("/api/settings/documents/limits", web.Admin, l.get, web.Summary("How large an uploaded PDF may be")),
		web.Patch("/api/settings/documents/limits", web.Admin, l.patch, web.Summary("Set how large an uploaded PDF may be; holds for the next upload")),
	}
}

// internalRoutes tell what is so now: whoever asks remembers it for a second, and two memories in a row would be too old.
func (l *limits) internalRoutes() []web.Route {
	return []web.Route{
		web.Get("/internal/settings/documents/limits", web.User, l.get, web.Summary("How large an uploaded PDF may be")),
	}
}

func (l *limits) get(ctx context.Context, _ *web.None) (*web.Tagged[documentLimits], error) {
	return Tagged(l.documents.Read(ctx))
}

func (l *limits) patch(ctx context.Context, in *struct {
	web.IfMatch
	Body documentLimitsUpdate
}) (*web.Tagged[documentLimits], error) {
	return Tagged(l.documents.Change(ctx, in.IfMatch, func(_ *Change, v *documentLimits) error {
		if in.Body.MaxPDFMB.Set {
			v.MaxPDFMB = in.Body.MaxPDFMB.Value
		}
		return nil
	}))
}

// Tagged is the reply of a setting that is shown as it is.
func Tagged[T any](v Value[T], err error) (*web.Tagged[T], error) {
	if err != nil {
		return nil, err
	}
	return web.Tag(v.Version, v.Is)
}
