package storage

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/audit"
	"portico.internal/platform/errs"
	"portico.internal/platform/identity"
	"portico.internal/platform/secrets"
	"portico.internal/platform/web"
)

// settings is what an admin sees and may change of the active backend.
type settings struct {
	db       *gorm.DB
	audit    *audit.Log
	log      *slog.Logger
	backends *backends

	mu     sync.Mutex
	health map[string]*examination // by backend, as long as somebody asks
}

func newSettings(db *gorm.DB, a *audit.Log, log *slog.Logger, b *backends) *settings {
	return &settings{db: db, audit: a, log: log, backends: b, health: map[string]*examination{}}
}

type configOut struct {
	Backend string         `json:"backend" enum:"local,s3,azure"`
	Config  map[string]any `json:"config" doc:"As it is given; of secrets the mask"`
	Health  healthOut      `json:"health"`
	Objects int64          `json:"objects"`
	Bytes   int64          `json:"bytes"`
}

type healthOut struct {
	Status    string  `json:"status" enum:"healthy,unhealthy"`
	LatencyMS int64   `json:"latency_ms"`
	Detail    *string `json:"detail" nullable:"true" doc:"Why it is not healthy"`
}

// get shows the active backend, how it is, and how much there is.
func (s *settings) get(ctx context.Context) (*configOut, error) {
	state, err := s.backends.state(ctx)
	if err != nil {
		return nil, err
	}
	var row Backend
	if err := s.db.WithContext(ctx).Where("id = ?", state.BackendID).Take(&row).Error; err != nil {
		return nil, err
	}
	out := &configOut{Backend: row.Kind}
	if out.Config, err = s.shown(&row); err != nil {
		return nil, err
	}
	var sum struct{ Objects, Bytes int64 }
	if err := s.db.WithContext(ctx).Raw("SELECT COUNT(*) AS objects, COALESCE(SUM(size), 0) AS bytes FROM storage_objects").Scan(&sum).Error; err != nil {
		return nil, err
	}
	out.Objects, out.Bytes = sum.Objects, sum.Bytes
	out.Health, err = s.examine(ctx, row.ID, row.Version)
	return out, err
}

// shown is the config of a row with the mask of its secret.
func (s *settings) shown(row *Backend) (map[string]any, error) {
	config := map[string]any{}
	if err := json.Unmarshal([]byte(row.Config), &config); err != nil {
		return nil, err
	}
	if row.Kind == kindLocal {
		return config, nil
	}
	for _, name := range []string{"endpoint", "prefix"} {
		if _, set := config[name]; !set {
			config[name] = nil
		}
	}
	mask := secrets.Hidden // of one that cannot be opened nothing is shown
	if plain, err := s.backends.keys.Open(row.Secret, sealedFor(row.ID)); err == nil {
		mask = secrets.Mask(plain)
	}
	config[secretField(row.Kind)] = mask
	return config, nil
}

// patchTries is how often a change is made anew on what another one has made of the config meanwhile.
const patchTries = 3

// patch gives the active backend new credentials or options, which are tried before they are stored. It fails with
// errs.BadRequest where they do not work or name another place, and with errs.Conflict while a migration runs.
func (s *settings) patch(ctx context.Context, in configPatch) error {
	for n := 1; ; n++ {
		err := s.patchOnce(ctx, in)
		if n == patchTries || !errors.Is(err, errChanged) {
			return err
		}
	}
}

func (s *settings) patchOnce(ctx context.Context, in configPatch) error {
	state, err := s.backends.state(ctx)
	if err != nil {
		return err
	}
	var row Backend
	if err := s.db.WithContext(ctx).Where("id = ?", state.BackendID).Take(&row).Error; err != nil {
		return err
	}
	if in.Backend.Set && in.Backend.Value != row.Kind {
		return errElsewhere()
	}
	p, err := s.merged(ctx, &row, in.Config)
	if err != nil {
		return err
	}
	if err := idle(s.db.WithContext(ctx)); err != nil {
		return err
	}
	if err := try(ctx, p); err != nil {
		return err
	}
	if err := s.store(ctx, row, p); err != nil {
		return err
	}
	s.log.InfoContext(ctx, "storage config changed", "actor", identity.From(ctx).ID, "backend", row.ID, "kind", row.Kind, "address", web.ClientAddr(ctx))
	return nil
}

// try opens a place and asks all of it that will be asked. It fails with errs.BadRequest and a reason for an admin.
func try(ctx context.Context, p place) error {
	opened, err := p.open()
	if err != nil {
		return errs.Wrap(errs.BadRequest, reason(err), err)
	}
	defer opened.close()
	return p.probe(ctx, opened)
}

// merged is the place of the row with what the client has sent. A secret that cannot be decrypted any more has to be sent.
func (s *settings) merged(ctx context.Context, row *Backend, in configIn) (place, error) {
	base, unreadable := s.backends.config(row)
	p, err := s.backends.parse(row.Kind, in.over(base))
	switch {
	case err != nil && unreadable != nil:
		return place{}, errors.Join(err, unreadable)
	case err != nil:
		return place{}, err
	case p.fingerprint() != row.Place:
		return place{}, errElsewhere()
	}
	return p, s.backends.keep(ctx, p)
}

func errElsewhere() error {
	return errs.New(errs.BadRequest, "This is another place: use migrate to move there")
}

// idle fails with errs.Conflict while a migration runs.
func idle(tx *gorm.DB) error {
	var jobs int64
	if err := tx.Model(&Job{}).Where("running = 1").Count(&jobs).Error; err != nil {
		return err
	}
	if jobs > 0 {
		return errs.New(errs.Conflict, "A migration is running")
	}
	return nil
}

// store writes a place that has been tried into its row, unless a migration has begun or the row has changed meanwhile.
func (s *settings) store(ctx context.Context, row Backend, p place) error {
	return s.backends.feed.Write(ctx, topic, row.ID, func(tx *gorm.DB) error {
		var state State
		if err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthShare}).Where("id = 1").Take(&state).Error; err != nil {
			return err
		}
		if state.BackendID != row.ID {
			return errChanged
		}
		if err := idle(tx); err != nil {
			return err
		}
		if err := s.backends.renew(tx, &row, p); err != nil {
			return err
		}
		return s.audit.Record(ctx, tx, audit.Event{Action: "storage.config_changed", Changes: s.backends.changes(&row, p),
			Target: audit.Target{Type: "storage", ID: row.ID, Name: row.Kind}})
	})
}

// healthAge is for how long an examination counts.
const healthAge = 5 * time.Second

// examination is how a backend was when somebody asked. Whoever asks meanwhile waits for the same answer.
type examination struct {
	version int64
	begun   time.Time
	done    chan struct{}
	result  healthOut
}

// examine tells how a backend is, or was at most five seconds ago.
func (s *settings) examine(ctx context.Context, id string, version int64) (healthOut, error) {
	s.mu.Lock()
	e := s.health[id]
	if e == nil || e.version != version || time.Since(e.begun) > healthAge {
		e = &examination{version: version, begun: time.Now(), done: make(chan struct{})}
		s.health[id] = e
		go s.look(context.WithoutCancel(ctx), id, e) // the others must not lose the answer when the first one leaves
	}
	s.mu.Unlock()
	select {
	case <-e.done:
		return e.result, nil
	case <-ctx.Done():
		return healthOut{}, ctx.Err()
	}
}

func (s *settings) look(ctx context.Context, id string, e *examination) {
	defer close(e.done)
	at, err := s.backends.get(ctx, id)
	if err == nil {
		err = answers(ctx, at)
	}
	e.result = healthOut{Status: "healthy", LatencyMS: time.Since(e.begun).Milliseconds()}
	if err != nil {
		detail := reason(err)
		e.result.Status, e.result.Detail = "unhealthy", &detail
		s.log.WarnContext(ctx, "storage unhealthy", "backend", id, "error", err)
	}
}
