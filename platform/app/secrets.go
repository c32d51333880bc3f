package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/fx"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/audit"
	"portico.internal/platform/database"
	"portico.internal/platform/module"
	"portico.internal/platform/secrets"
	"portico.internal/platform/upstream"
)

func secretsCommand(p *program) *cobra.Command {
	parent := &cobra.Command{Use: "secrets", Short: "Look after the secrets in the database"}
	parent.AddCommand(&cobra.Command{
		Use: "rotate", Short: "Encrypt all stored secrets with the first secret key", Args: cobra.NoArgs,
		Long: "Encrypts all stored secrets with the first key of PORTICO_SECRET_KEY, or of the file that\n" +
			"PORTICO_SECRET_KEY_FILE names.\n\n" +
			"To change the key: put a new one (openssl rand -base64 32) before the old one, with a comma between, in every\n" +
			"replica; restart them; run this; then take the old one away. The gateways may go on running meanwhile.",
		RunE: func(cmd *cobra.Command, _ []string) error { return p.rotateSecrets(cmd) },
	})
	return parent
}

func (p *program) rotateSecrets(cmd *cobra.Command) error {
	g, err := p.open(cmd.Context(), p.Modules)
	if err != nil {
		return err
	}
	defer database.Close(g.db)
	if err := g.migrate(cmd.Context()); err != nil {
		return err
	}
	if g.services, err = upstream.NewRegistry(nil); err != nil {
		return err
	}
	var log *audit.Log
	graph, err := g.build(p, fx.Populate(&log))
	if err != nil {
		return err
	}
	r, err := g.rotate(cmd.Context(), module.SecretColumns(p.Modules), log)
	if err := errors.Join(err, graph.Stop(cmd.Context())); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%d encrypted anew, %d were already\n", r.sealed, r.current)
	if len(r.lost) > 0 {
		return r
	}
	return nil
}

// rotation is what became of the secrets. As an error it tells of those that could not be opened.
type rotation struct {
	sealed, current int
	lost            []string
}

func (r *rotation) Error() string {
	return fmt.Sprintf("%d cannot be decrypted:\n%s", len(r.lost), strings.Join(r.lost, "\n"))
}

// rotate seals every secret with the first key, in one transaction. What cannot be opened stays as it is.
func (g *gateway) rotate(ctx context.Context, columns []secrets.Column, log *audit.Log) (*rotation, error) {
	r := &rotation{}
	err := database.Write(ctx, g.db, func(tx *gorm.DB) error {
		*r = rotation{}
		for _, c := range columns {
			if err := g.reseal(tx, c, r); err != nil {
				return err
			}
		}
		return log.Record(ctx, tx, audit.Event{Action: "secrets.rotated", Target: audit.Target{Type: "secrets"},
			Changes: audit.Diff(nil, map[string]int{"encrypted_anew": r.sealed, "current_already": r.current, "not_decrypted": len(r.lost)})})
	})
	return r, err
}

func (g *gateway) reseal(tx *gorm.DB, c secrets.Column, r *rotation) error {
	rows, err := sealedRows(tx, c)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if g.keys.Current(row.sealed) {
			r.current++
			continue
		}
		where := c.Place(row.key...)
		plain, err := g.keys.Open(row.sealed, where)
		if err != nil {
			r.lost = append(r.lost, fmt.Sprintf("%s: %s", strings.Join(row.key, " "), err))
			continue
		}
		if err := row.named(tx, c).UpdateColumn(c.Name, g.keys.Seal(plain, where)).Error; err != nil {
			return err
		}
		r.sealed++
	}
	return nil
}

// sealedRow is a secret and the primary key of its row.
type sealedRow struct {
	key    []string
	sealed secrets.Sealed
}

// named is the row in its table.
func (r sealedRow) named(tx *gorm.DB, c secrets.Column) *gorm.DB {
	query := tx.Table(c.Table)
	for i, name := range c.Key {
		query = query.Where(clause.Eq{Column: clause.Column{Name: name}, Value: r.key[i]})
	}
	return query
}

// sealedRows returns the secrets of a column and keeps others from changing them until the transaction ends.
func sealedRows(tx *gorm.DB, c secrets.Column) ([]sealedRow, error) {
	rows, err := tx.Table(c.Table).Select(append(slices.Clone(c.Key), c.Name)).Where(c.Name + " IS NOT NULL").
		Order(strings.Join(c.Key, ", ")).Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []sealedRow
	for rows.Next() {
		row := sealedRow{key: make([]string, len(c.Key))}
		var targets []any
		for i := range row.key {
			targets = append(targets, &row.key[i])
		}
		if err := rows.Scan(append(targets, &row.sealed)...); err != nil {
			return nil, err
		}
		list = append(list, row)
	}
	return list, rows.Err()
}
