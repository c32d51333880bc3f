package settings

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/go-json-experiment/json"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/errs"
	"portico.internal/platform/upstream"
	"portico.internal/platform/web"
)

const (
	promptsKey = "system-prompts"
	maxPrompt  = 20_000 // characters
)

// prompt is the system prompt of a service. One that an admin has set stays what it is when the default of the
// configuration becomes another, even where the two were the same.
type prompt struct {
	ServiceID string     `json:"service_id"`
	Name      string     `json:"name" doc:"Of the service"`
	Prompt    string     `json:"prompt"`
	IsDefault bool       `json:"is_default" doc:"Whether it is that of the configuration; false of one that was set, even to the same text"`
	UpdatedAt *time.Time `json:"updated_at" doc:"When it was last set, or given back to the configuration; null: never"`
}

type promptUpdate struct {
	Prompt web.Optional[string] `json:"prompt,omitzero" nullable:"true" doc:"At most 20000 characters, without control characters other than line feeds and tabs; null: that of the configuration"`
}

var _ web.Checker = (*promptUpdate)(nil)

// Check brings the text into the form in which it is stored.
func (u *promptUpdate) Check(c *web.Check) {
	if u.Prompt.Pointer() != nil {
		web.Apply(c, &u.Prompt.Value, cleanPrompt, "prompt")
	}
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// cleanPrompt takes out control characters and nothing else: tags, direction marks and joiners are part of a prompt.
// Line ends become line feeds, which is what a browser's text field makes of them, too.
func cleanPrompt(text string) (string, error) {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, lineEnds.Replace(text))
	return text, web.AtMost(maxPrompt, text)
}

// promptValue is what the history keeps of a prompt. Nil is that of the configuration.
type promptValue struct {
	Prompt *string `json:"prompt"`
}

func (v promptValue) is(other promptValue) bool {
	return v.Prompt == other.Prompt || v.Prompt != nil && other.Prompt != nil && *v.Prompt == *other.Prompt
}

// prompts are those of the registered services. Their rows change under the lock and the version of one setting.
type prompts struct {
	db       *gorm.DB
	services *upstream.Registry
	setting  *Typed[struct{}]
}

func newPrompts(db *gorm.DB, services *upstream.Registry, s *Store) *prompts {
	p := &prompts{db, services, Of(s, promptsKey, struct{}{})}
	s.Restorer(promptsKey+".", p.restore)
	return p
}

func (p *prompts) routes() []web.Route {
	return []web.Route{
		web.Get("/api/settings/system-prompts", web.Admin, p.list, web.Summary("The system prompt of each service")),
		web.Patch("/api/settings/system-prompts/{service_id}", web.Admin, p.patch, web.Summary("Set the system prompt of a service")),
	}
}

func (p *prompts) internalRoutes() []web.Route {
	return []web.Route{
		web.Get("/internal/settings/system-prompts/{service_id}", web.User, p.get, web.Summary("The system prompt of a service")),
	}
}

func (p *prompts) list(ctx context.Context, _ *web.None) (*web.Tagged[[]prompt], error) {
	v, err := p.setting.Read(ctx) // before the rows: who changes what is shown must not do so under a version of later
	if err != nil {
		return nil, err
	}
	var rows []SystemPrompt
	if err := p.db.WithContext(ctx).Find(&rows).Error; err != nil {
		return nil, err
	}
	stored := map[string]SystemPrompt{}
	for _, row := range rows {
		stored[row.ServiceID] = row
	}
	list := []prompt{}
	for _, service := range p.services.Services() {
		list = append(list, show(service, stored[service.ID]))
	}
	return web.Tag(v.Version, list)
}

// promptOf names a service.
type promptOf struct {
	ServiceID string `path:"service_id"`
}

func (p *prompts) get(ctx context.Context, in *promptOf) (*web.Tagged[prompt], error) {
	service, err := p.service(in.ServiceID)
	if err != nil {
		return nil, err
	}
	v, err := p.setting.Read(ctx) // before the row, as in list
	if err != nil {
		return nil, err
	}
	row, err := storedPrompt(p.db.WithContext(ctx), service.ID)
	if err != nil {
		return nil, err
	}
	return web.Tag(v.Version, show(service, row))
}

func (p *prompts) patch(ctx context.Context, in *struct {
	promptOf
	web.IfMatch
	Body promptUpdate
}) (*web.Tagged[prompt], error) {
	service, err := p.service(in.ServiceID)
	if err != nil {
		return nil, err
	}
	version, row, err := p.set(ctx, service.ID, in.IfMatch, in.Body.Prompt)
	if err != nil {
		return nil, err
	}
	return web.Tag(version, show(service, row))
}

// service fails with errs.NotFound where none of that id is registered.
func (p *prompts) service(id string) (upstream.Service, error) {
	client, ok := p.services.Lookup(id)
	if !ok {
		return upstream.Service{}, errs.New(errs.NotFound, "Service not found")
	}
	return client.Service(), nil
}

// show puts a prompt together. The row is the zero one while nobody has set it.
func show(s upstream.Service, row SystemPrompt) prompt {
	out := prompt{ServiceID: s.ID, Name: s.Name, Prompt: s.SystemPrompt, IsDefault: row.Prompt == nil}
	if row.Prompt != nil {
		out.Prompt = *row.Prompt
	}
	if !row.UpdatedAt.IsZero() {
		out.UpdatedAt = &row.UpdatedAt
	}
	return out
}

// storedPrompt returns the zero row where there is none.
func storedPrompt(db *gorm.DB, id string) (row SystemPrompt, err error) {
	err = db.Where("service_id = ?", id).Limit(1).Find(&row).Error
	return row, err
}

// set gives a service another prompt, null that of the configuration, and returns the row and the version it has come to.
func (p *prompts) set(ctx context.Context, id string, match web.IfMatch, text web.Optional[string]) (version int64, row SystemPrompt, err error) {
	v, err := p.setting.Change(ctx, match, func(c *Change, _ *struct{}) error {
		var err error
		if row, err = storedPrompt(c.DB, id); err != nil || !text.Set {
			return err
		}
		before, after := promptValue{row.Prompt}, promptValue{text.Pointer()}
		if before.is(after) {
			return nil
		}
		row = SystemPrompt{ServiceID: id, Prompt: after.Prompt, UpdatedAt: c.NowFunc(), UpdatedBy: c.by()}
		upsert := clause.OnConflict{ // with UpdateAll gorm would set a time of its own
			Columns: []clause.Column{{Name: "service_id"}}, DoUpdates: clause.AssignmentColumns([]string{"prompt", "updated_at", "updated_by"}),
		}
		if err := c.Clauses(upsert).Create(&row).Error; err != nil {
			return err
		}
		return c.Record(promptsKey+"."+id, before, after)
	})
	return v.Version, row, err
}

// restore brings back what set has recorded.
func (p *prompts) restore(ctx context.Context, key string, value []byte) error {
	id := strings.TrimPrefix(key, promptsKey+".")
	if _, ok := p.services.Lookup(id); !ok {
		return errs.New(errs.BadRequest, "This service is not registered any more")
	}
	var past promptUpdate // which has the same members
	if err := json.Unmarshal(value, &past); err != nil {
		return err
	}
	_, _, err := p.set(ctx, id, web.IfMatch{}, past.Prompt)
	return err
}
