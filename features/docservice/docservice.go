// Package docservice is the reference feature service: documents with their metadata, sharing and categories, into
// which an AI may sort them, behind the gateway's identity headers, with settings that administrators change on a page of
// the dashboard. Copy it to write a service of your own; it uses platform packages only.
//
// It knows its caller from the headers x-user-id, x-user-groups and x-user-is-admin and believes them, so nobody but
// the gateway may reach it: it listens on loopback or on a network that clients are not in.
//
// What a caller may not see answers 404, whether it exists or not. What he may see but not change answers 400 with
// the reason: a 403 of a feature service must not look like the end of the caller's session.
package docservice

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"

	"gorm.io/gorm"

	"portico.internal/platform/database"
	"portico.internal/platform/feature"
	"portico.internal/platform/web"
)

// Config says where documents are kept and what is taken.
type Config struct {
	DataDir        string // holds the files that are not at Gateway, and the metadata unless DatabaseURL is set; made when missing; one process at a time
	DatabaseURL    string // empty: SQLite documents.db in DataDir; else as platform/database has it, shared with others if need be
	CheckSchema    bool   // refuse to start where the schema is behind, in place of bringing it up to date
	MaxConnections int    // to the database; 5 when zero
	MaxUploadBytes int64  // of a whole upload request, whatever the gateway allows; 500 MiB and 64 KiB for its frame when zero

	// Inspector is a command that runs [InspectStdin] and nothing else, such as this program with an argument of its
	// own. Every PDF is then read in such a process, which has little memory, little time and no secret. Empty: PDFs
	// are read in this process, at the mercy of what is in them, and not for their text.
	Inspector []string

	// RequiredGroups are names and ids of the groups whose members may change the service's settings. None: superusers only.
	RequiredGroups []string
	// SecretKey encrypts the secrets among the settings: 32 bytes in base64, older keys after it, separated by commas.
	// Empty: made in DataDir.
	SecretKey string

	// Gateway tells how large an upload may be and which AI classifies documents, and keeps what documents hold as objects
	// of its storage, unless its storage is an external service: it takes over the files of DataDir then. Zero:
	// MaxUploadBytes is the limit, there is no AI, and files stay in DataDir.
	Gateway feature.Gateway

	Logger *slog.Logger // slog.Default when nil
}

const (
	databaseFile       = "documents.db"
	keyFile            = "secret.key"
	defaultConnections = 5
	uploadFrame        = 64 << 10 // bytes that an upload may have beside the file
	defaultMaxUpload   = 500<<20 + uploadFrame

	// askedAtOnce is how many documents people may have classified at once.
	askedAtOnce = 8
)

// Service keeps documents. It works until Close.
type Service struct {
	db         *gorm.DB
	files      *fileStore
	log        *slog.Logger
	maxUpload  int64
	site       *web.Site
	gateway    *gateway
	objects    *objectStore
	settings   *settingsStore
	ai         aiClient
	asked      chan struct{}
	worker     *worker
	classifier *classifier
	sweeper    *loop
	mover      *mover

	requiredGroups []string
}

// New opens the service: it migrates the database, settles what a crash has left half done, and goes on reading
// documents that wait for it.
func New(ctx context.Context, c Config) (*Service, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.MaxConnections == 0 {
		c.MaxConnections = defaultConnections
	}
	if c.MaxUploadBytes == 0 {
		c.MaxUploadBytes = defaultMaxUpload
	}
	if c.DataDir == "" {
		return nil, errors.New("data_dir: is missing")
	}
	gateway, err := newGateway(c.Gateway, c.Logger)
	if err != nil {
		return nil, err
	}
	groups, err := cleanGroups(c.RequiredGroups)
	if err != nil {
		return nil, err
	}
	files, err := openFiles(c.DataDir)
	if err != nil {
		return nil, fmt.Errorf("data_dir: cannot use %s: %w", c.DataDir, err)
	}
	s := &Service{
		files: files, log: c.Logger, maxUpload: c.MaxUploadBytes, gateway: gateway, objects: newObjectStore(c.Gateway),
		asked: make(chan struct{}, askedAtOnce), requiredGroups: groups,
	}
	if err := s.start(ctx, c); err != nil {
		return nil, errors.Join(err, s.release())
	}
	return s, nil
}

func (s *Service) start(ctx context.Context, c Config) error {
	keys, err := openKeyring(c.DataDir, c.SecretKey)
	if err != nil {
		return err
	}
	if c.DatabaseURL == "" {
		c.DatabaseURL = "sqlite:" + filepath.Join(c.DataDir, databaseFile)
	}
	if s.db, err = database.Open(ctx, database.Config{
		URL: c.DatabaseURL, DataDir: c.DataDir, MaxConnections: c.MaxConnections, Logger: c.Logger,
	}); err != nil {
		return err
	}
	if err := bringSchema(ctx, s.db, c.CheckSchema); err != nil {
		return err
	}
	if err := s.settleAll(ctx); err != nil {
		return err
	}
	s.settings = &settingsStore{s.db, keys}
	if s.site, err = web.New(web.Options{
		Routes:        []web.RouteSet{{Module: "docservice", Routes: s.routes()}},
		Authenticator: callerHeaders{},
		Logger:        c.Logger,
		Explain:       database.Classify,
		Title:         serviceName,
	}); err != nil {
		return err
	}
	s.mover = startMover(ctx, s)
	s.classifier = startClassifier(ctx, s)
	if s.worker, err = startWorker(ctx, s, newInspector(c.Inspector)); err != nil {
		return errors.Join(err, s.classifier.stop(ctx), s.mover.stop(ctx))
	}
	s.sweeper = startSweeper(ctx, s)
	return nil
}

// Handler answers the service's requests.
func (s *Service) Handler() http.Handler { return withGroups(s.site) }

// Close ends the background work and gives database and data directory free. Requests must have ended before; a
// document that is being read or classified is so again at the next start. When ctx ends first, Close returns its error.
func (s *Service) Close(ctx context.Context) error {
	if err := s.sweeper.stop(ctx); err != nil {
		return err
	}
	if err := s.worker.stop(ctx); err != nil {
		return err
	}
	if err := s.classifier.stop(ctx); err != nil {
		return err
	}
	if err := s.mover.stop(ctx); err != nil {
		return err
	}
	return s.release()
}

func (s *Service) release() error {
	s.gateway.close()
	s.objects.close()
	s.ai.close()
	var err error
	if s.db != nil {
		err = database.Close(s.db)
	}
	return errors.Join(err, s.files.close())
}

// errDirInUse is told to the operator who starts two processes on one data directory.
var errDirInUse = errors.New("another process uses it; stop that one, or choose another")

// settleAll brings every file that a crash has left in between to where its document is.
func (s *Service) settleAll(ctx context.Context) error {
	ids, err := s.files.staged()
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.settle(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// settle puts a staged file into its place when it is what its document holds, and removes it when not.
func (s *Service) settle(ctx context.Context, id string) error {
	switch d, err := s.again(ctx, id); {
	case errors.Is(err, errNoDocument), err == nil && d.Stored == inObjects:
		return s.files.remove(id)
	case err != nil:
		return err
	}
	if err := s.files.place(id); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
