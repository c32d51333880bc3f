package docservice

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/ai"
	"portico.internal/platform/egress"
	"portico.internal/platform/errs"
)

// Errors that clients are told.
var (
	errNotReady     = errs.New(errs.BadRequest, "Only a document that is ready can be classified")
	errNoCategories = errs.New(errs.BadRequest, "There are no categories to choose from")
	errNoAI         = errs.New(errs.Unavailable, "AI is not configured")
	errNoKey        = errs.New(errs.Unavailable, "The API key of the AI provider cannot be decrypted; it must be entered anew")
	errTooMany      = errs.New(errs.Unavailable, "Too many documents are being classified").Retry(time.Second)
	errNoAnswer     = errs.New(errs.Unavailable, "The AI gave an answer that cannot be read")
)

const noSettings = "The settings of the AI cannot be read at the moment"

const (
	// answerTimeout ends a classification before the gateway's patience with this service, a minute by default, does.
	answerTimeout = 45 * time.Second
	// maxAnswer bounds what an answer costs, in tokens. It is long for the reasoning that some models count in.
	maxAnswer = 4096
)

// itself is the service where no person has asked.
var itself = caller{admin: true}

// classify asks the AI which categories a document belongs to, adds them to those that people have given it, and
// returns all. It fails as [Service.change] does, with BadRequest when the document is not ready or there are no
// categories that the AI may use, and with Unavailable when the AI is not configured or does not help; nothing has changed then.
func (s *Service) classify(ctx context.Context, who caller, id string) ([]string, error) {
	settings, err := s.settings.read(ctx)
	if err != nil {
		return nil, err
	}
	var offered []category
	var question string
	err = s.change(ctx, who, id, func(tx *gorm.DB, d *document) error {
		if id = d.ID; d.Status != statusReady {
			return errNotReady
		}
		if err := tx.Scopes(among(settings.AllowedCategories)).Order("name_key, id").Limit(maxOffered).Find(&offered).Error; err != nil {
			return err
		}
		if len(offered) == 0 {
			return errNoCategories
		}
		var text []string
		err := tx.Model(&excerpt{}).Where("document_id = ?", d.ID).Pluck("content", &text).Error
		if err != nil {
			return err
		}
		question, err = questionOf(d, strings.Join(text, ""), offered)
		return err
	})
	if err != nil {
		return nil, err
	}
	answer, err := s.complete(ctx, settings, question)
	if err != nil {
		return nil, err
	}
	ids, ok := chosen(answer, offered)
	if !ok {
		return nil, errNoAnswer
	}
	all, err := s.assignMore(ctx, who, id, ids)
	if err == nil {
		s.log.InfoContext(ctx, "document classified", "document_id", id, "categories", len(ids))
	}
	return all, err
}

// among keeps the categories that are named by id or name; all where there are no names.
func among(names []string) scope {
	return func(db *gorm.DB) *gorm.DB {
		if len(names) == 0 {
			return db
		}
		var ids, keys []string
		for _, name := range names {
			ids, keys = append(ids, canonicalID(name)), append(keys, fold(name))
		}
		return db.Where("(id IN ? OR name_key IN ?)", ids, keys)
	}
}

// assignMore puts the document into those of the categories that are still there, and returns all it is in.
func (s *Service) assignMore(ctx context.Context, who caller, id string, ids []string) (all []string, err error) {
	err = s.change(ctx, who, id, func(tx *gorm.DB, d *document) error {
		var there []string
		if err := tx.Model(&category{}).Where("id IN ?", ids).Clauses(clause.Locking{Strength: "SHARE"}).Pluck("id", &there).Error; err != nil {
			return err
		}
		if len(there) > 0 {
			rows := make([]assignment, len(there))
			for i, c := range there {
				rows[i] = assignment{DocumentID: d.ID, CategoryID: c}
			}
			if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&rows).Error; err != nil {
				return err
			}
		}
		return tx.Model(&assignment{}).Where("document_id = ?", d.ID).Order("category_id").Pluck("category_id", &all).Error
	})
	return all, err
}

// complete has the workspace's AI answer, with the service's own key where there is one for it. Fails with Unavailable.
func (s *Service) complete(ctx context.Context, settings *storedSettings, question string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	workspace, err := s.gateway.ai.get(ctx)
	if err != nil {
		return "", errs.Wrap(errs.Unavailable, noSettings, err)
	}
	if workspace == nil || workspace.Provider == "" {
		return "", errNoAI
	}
	prompt, err := s.gateway.prompt.get(ctx)
	if err != nil {
		return "", errs.Wrap(errs.Unavailable, noSettings, err)
	}
	system := defaultPrompt
	if prompt != nil && prompt.Prompt != "" {
		system = prompt.Prompt
	}
	provider := workspace.Providers[workspace.Provider]
	key := provider.APIKey
	switch {
	case settings.hasKeyFor(workspace.address()):
		if key, err = s.settings.key(settings); err != nil {
			return "", err
		}
	case provider.APIKeyError != "":
		return "", errNoKey
	}
	text, err := s.ai.reaching(workspace.AllowedHosts).Complete(ctx,
		ai.Endpoint{Provider: workspace.Provider, Model: provider.Model, BaseURL: provider.BaseURL, APIKey: key},
		ai.Prompt{System: system, User: question, MaxTokens: maxAnswer})
	var failure *ai.Failure
	switch {
	case err == nil:
		return text, nil
	case errors.As(err, &failure):
		return "", errs.Wrap(errs.Unavailable, failure.Error(), errors.Unwrap(failure))
	}
	return "", errs.Wrap(errs.Unavailable, "The AI cannot be asked", err)
}

// aiClient keeps the client, and with it the connections, for as long as it may reach the same hosts.
type aiClient struct {
	mu     sync.Mutex
	hosts  []string
	client *ai.Client
}

func (c *aiClient) reaching(hosts []string) *ai.Client {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client == nil || !slices.Equal(c.hosts, hosts) {
		c.drop()
		c.hosts, c.client = hosts, ai.NewClient(egress.Policy{AllowedHosts: hosts})
	}
	return c.client
}

func (c *aiClient) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop()
}

// drop leaves calls that are under way alone.
func (c *aiClient) drop() {
	if c.client != nil {
		c.client.Close()
	}
}
