package settings

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"portico.internal/platform/web"
)

func (s *Store) historyRoutes() []web.Route {
	return []web.Route{
		web.Get("/api/settings/history", web.Admin, s.listChanges, web.Summary("Who changed which setting when, newest first")),
		web.Post("/api/settings/history/{id}/restore", web.Admin, s.postRestore, web.Summary("Bring back the value from before a change")),
	}
}

type changeOut struct {
	ID           string         `json:"id"`
	Key          string         `json:"key"`
	Old          jsontext.Value `json:"old" doc:"Without secrets; null where there was no value"`
	New          jsontext.Value `json:"new" doc:"Without secrets; null where there is no value"`
	ChangedAt    time.Time      `json:"changed_at"`
	ChangedBy    *string        `json:"changed_by" doc:"Id of a user"`
	Email        *string        `json:"changed_by_email" doc:"As it was then"`
	RestoredFrom *string        `json:"restored_from" doc:"Id of the change whose value was brought back"`
}

func showChange(c *SettingChange) changeOut {
	value := func(text *string) jsontext.Value {
		if text == nil {
			return jsontext.Value("null")
		}
		return jsontext.Value(*text)
	}
	return changeOut{c.ID, c.Key, value(c.OldValue), value(c.NewValue), c.ChangedAt, c.ChangedBy, c.ChangedByEmail, c.RestoredFrom}
}

type changesIn struct {
	Key    string            `query:"key" maxLength:"200" doc:"Of one setting, such as ai, or of all whose key begins with it and a dot, such as system-prompts"`
	Limit  web.Optional[int] `query:"limit" minimum:"1" maximum:"1000" doc:"100 unless said otherwise"`
	Offset int               `query:"offset" minimum:"0"`
}

type changesOut struct {
	Total int64 `header:"X-Total-Count"`
	web.Tagged[[]changeOut]
}

func (s *Store) listChanges(ctx context.Context, in *changesIn) (*changesOut, error) {
	query := s.db.WithContext(ctx).Model(&SettingChange{})
	if in.Key != "" {
		below := in.Key + "."
		// Not LIKE, which on SQLite knows no difference between cases.
		query = query.Where("key = ? OR substr(key, 1, ?) = ?", in.Key, utf8.RuneCountInString(below), below)
	}
	out := &changesOut{}
	if err := query.Count(&out.Total).Error; err != nil {
		return nil, err
	}
	limit := 100
	if in.Limit.Set {
		limit = in.Limit.Value
	}
	var rows []SettingChange
	if err := query.Order("changed_at DESC, id DESC").Limit(limit).Offset(in.Offset).Find(&rows).Error; err != nil {
		return nil, err
	}
	list := make([]changeOut, len(rows))
	for i := range rows {
		list[i] = showChange(&rows[i])
	}
	tagged, err := web.Tag(out.Total, list)
	if err != nil {
		return nil, err
	}
	out.Tagged = *tagged
	return out, nil
}

type restoreIn struct {
	ID   string `path:"id"`
	Body *struct {
		Value web.Optional[string] `json:"value,omitzero" enum:"old,new" doc:"Which value of the change; old unless said otherwise"`
	}
}

func (s *Store) postRestore(ctx context.Context, in *restoreIn) (*changeOut, error) {
	after := in.Body != nil && in.Body.Value.Set && in.Body.Value.Value == "new"
	row, err := s.restoreChange(ctx, in.ID, after)
	if err != nil {
		return nil, err
	}
	out := showChange(row)
	return &out, nil
}
