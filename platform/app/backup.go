package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"gorm.io/gorm"

	"portico.internal/platform/backup"
	"portico.internal/platform/database"
	"portico.internal/platform/datadir"
	"portico.internal/platform/logging"
	"portico.internal/platform/module"
)

func backupCommand(p *program) *cobra.Command {
	var dump string
	c := &cobra.Command{
		Use: "backup TARGET", Short: "Keep everything in one archive while people work", Args: cobra.ExactArgs(1),
		Long: "Writes databases, keys, tokens and files, as they are at one moment, into the archive TARGET (a tar file), which must\n" +
			"not be there yet. Gateways go on working. The archive opens everything: keep it as secret as the data directory.\n\n" +
			"PostgreSQL is not in it: with --pg-dump, pg_dump writes the database of the same moment to a file beside it.\n" +
			"Files in S3 or Azure, and settings from the environment or a configuration file, are not in it either.\n\n" +
			"Exit code: 0 complete, 1 failed and nothing was written, 2 complete but for files that were lost before.",
		Example: "  portico backup /backups/monday.tar\n" +
			"  portico backup /backups/monday.tar --pg-dump /backups/monday.dump",
	}
	c.Flags().StringVar(&dump, "pg-dump", "", "file for pg_dump to write, where the database is on PostgreSQL")
	c.RunE = func(cmd *cobra.Command, args []string) error { return p.backup(cmd, args[0], dump) }
	return c
}

func restoreCommand(p *program) *cobra.Command {
	var outside bool
	c := &cobra.Command{
		Use: "restore SOURCE", Short: "Bring everything back from an archive, to where nothing is", Args: cobra.ExactArgs(1),
		Long: "Brings back what portico backup has written, into a data directory that is empty or not there. All of it is verified\n" +
			"before anything is put in place, and nothing is replaced. Restored to where the old gateway cannot run any more:\n" +
			"two that believe to be the same one harm each other.\n\n" +
			"With PostgreSQL bring the database back first, with pg_restore, then run this.\n\n" +
			"Exit code: 0 complete, 1 failed and nothing has changed, 2 complete but for files that the archive lacks.",
		Example: "  portico restore /backups/monday.tar\n" +
			"  pg_restore --no-owner --dbname=postgres://portico@db/portico /backups/monday.dump && portico restore /backups/monday.tar",
	}
	c.Flags().BoolVar(&outside, "outside", false, "put files that belong outside of the data directory there")
	c.RunE = func(cmd *cobra.Command, args []string) error { return p.restore(cmd, args[0], outside) }
	return c
}

// place is where the owners of a backup have their things.
type place struct {
	data     string // directory
	database string // file of the gateway's SQLite database; empty on PostgreSQL
}

// installed is the gateway of the configuration, with nothing opened or made.
func (p *program) installed() (*gateway, place, error) {
	base, assembly, err := p.configuration()
	if err != nil {
		return nil, place{}, err
	}
	g := &gateway{base: base, assembly: assembly, log: logging.New(p.Stderr, base.Log.Level, base.Log.Format)}
	if g.plan, err = plan(p.Spec); err != nil {
		return nil, place{}, err
	}
	if base.DataDir, err = filepath.Abs(base.DataDir); err != nil {
		return nil, place{}, err
	}
	file, err := database.Path(base.Database.URL, base.DataDir)
	return g, place{base.DataDir, file}, err
}

// exists refuses to make a backup of nothing: opening a SQLite database would make it.
func (at place) exists() error {
	if _, err := os.Lstat(filepath.Join(at.data, datadir.Restoring)); err == nil {
		return fmt.Errorf("data_dir (PORTICO_DATA_DIR): a restore into %s has not ended", at.data)
	}
	for setting, path := range map[string]string{"data_dir (PORTICO_DATA_DIR)": at.data, "database.url (DATABASE_URL)": at.database} {
		if _, err := os.Stat(path); path != "" && errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: there is no %s: no gateway has run here", setting, path)
		}
	}
	return nil
}

func (p *program) backup(cmd *cobra.Command, target, dump string) (err error) {
	g, at, err := p.installed()
	if err != nil {
		return err
	}
	if at.database != "" && dump != "" {
		return errors.New("--pg-dump: the database is not on PostgreSQL; it is in the archive")
	}
	if err := at.exists(); err != nil {
		return err
	}
	owners, closeAll, err := g.owners(cmd.Context(), p, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	show := newProgress(cmd.OutOrStdout(), "copied")
	done, err := backup.Write(cmd.Context(), backup.Options{
		Target: target, Version: Version(), Owners: owners, Progress: show.count, DumpTo: dump,
		Dump: func(ctx context.Context, view *gorm.DB, file string) error {
			return database.Dump(ctx, view, g.base.Database.URL, file)
		},
	})
	show.end()
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; there is no archive")
	}
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s: %d files, %s, as of %s\n", target, len(done.Files), module.Amount(done.Bytes), done.CreatedAt.Format(time.RFC3339))
	fmt.Fprintln(out, "It opens everything: keep it as secret as the data directory.")
	elsewhere(out, done)
	if at.database == "" && dump == "" {
		command, err := database.DumpCommand(g.base.Database.URL, "portico.dump")
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "The database is not in it; before each backup run %s, or have both of one moment with --pg-dump FILE.\n", command)
	}
	return incompleteness(done)
}

func (p *program) restore(cmd *cobra.Command, source string, outside bool) error {
	g, at, err := p.installed()
	if err != nil {
		return err
	}
	archive, err := backup.Open(source)
	if err != nil {
		return err
	}
	defer archive.Close()
	show := newProgress(cmd.OutOrStdout(), "verified")
	done, err := archive.Restore(cmd.Context(), backup.Target{
		DataDir: at.data, Database: at.database, Outside: outside, Progress: show.count,
		Owners: func(ctx context.Context, dir string) ([]backup.Owner, func() error, error) {
			staged := place{data: filepath.Join(dir, "data")}
			if at.database != "" {
				staged.database = filepath.Join(dir, backup.DatabaseEntry)
			}
			return g.owners(ctx, p, staged)
		},
	})
	show.end()
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; nothing has changed")
	}
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	fmt.Fprintf(out, "%s holds %d files, %s, as of %s\n", at.data, len(done.Files), module.Amount(done.Bytes), done.CreatedAt.Format(time.RFC3339))
	elsewhere(out, done)
	fmt.Fprintln(out, "Start it with: portico serve. Whoever was signed in then is so now; what has happened since is lost.")
	return incompleteness(done)
}

// elsewhere tells of files that are neither in the archive nor lost.
func elsewhere(out io.Writer, done *backup.Summary) {
	for _, kind := range slices.Sorted(maps.Keys(done.Elsewhere)) {
		fmt.Fprintf(out, "%d files lie in %s and are not in the archive: keep its versions as long as the archive.\n", done.Elsewhere[kind], kind)
	}
}

// shownMissing is how many files are named that are not there.
const shownMissing = 10

// incompleteness is the error of what is done, but for files that could not be had.
func incompleteness(done *backup.Summary) error {
	if len(done.Missing) == 0 {
		return nil
	}
	lines := slices.Clone(done.Missing[:min(len(done.Missing), shownMissing)])
	if more := len(done.Missing) - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return &module.Exit{Code: 2, Err: fmt.Errorf("done, but %d files are lost:\n%s", len(done.Missing), strings.Join(lines, "\n"))}
}

// owners opens what a backup holds: the gateway's database, and those of the services in this process that have run.
func (g *gateway) owners(ctx context.Context, p *program, at place) (owners []backup.Owner, closeAll func() error, err error) {
	var open []*gorm.DB
	closeAll = func() error {
		var problems []error
		for _, db := range open {
			problems = append(problems, database.Close(db))
		}
		return errors.Join(problems...)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()
	dial := func(url string) (*gorm.DB, error) {
		db, err := database.Open(ctx, database.Config{URL: url, ConnectTimeout: g.base.Database.ConnectTimeout, MaxConnections: backupConnections})
		if err == nil {
			open = append(open, db)
		}
		return db, err
	}
	own := backup.Owner{
		Name: "portico", Dir: at.data, Plan: g.plan,
		Parts: append([]backup.Part{{Files: backup.Static(secretKeyFile, serviceTokenFile)}}, module.BackupParts(p.Modules)...),
	}
	url := g.base.Database.URL
	if at.database != "" {
		own.Database, url = backup.DatabaseEntry, "sqlite:"+at.database
	}
	if own.DB, err = dial(url); err != nil {
		return nil, nil, err
	}
	owners = append(owners, own)
	for _, f := range g.here(p.Features) {
		if f.Kept == nil {
			continue
		}
		id := f.Service.ID
		o := backup.Owner{Name: id, Under: id, Dir: filepath.Join(at.data, id), DB: own.DB, Parts: []backup.Part{f.Kept.Part}}
		if o.Plan, err = f.Kept.Schema(); err != nil {
			return nil, nil, err
		}
		if at.database != "" {
			file := filepath.Join(o.Dir, f.Kept.Database)
			if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			o.Database = backup.DataEntry(id, f.Kept.Database)
			if o.DB, err = dial("sqlite:" + file); err != nil {
				return nil, nil, err
			}
		}
		owners = append(owners, o)
	}
	return owners, closeAll, nil
}

// backupConnections are two for each database: one reads while the other keeps writers waiting.
const backupConnections = 2
