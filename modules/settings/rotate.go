package settings

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"portico.internal/platform/database"
	"portico.internal/platform/module"
)

func secretsCommand(run module.Runner) *cobra.Command {
	parent := &cobra.Command{Use: "secrets", Short: "Look after the secrets in the database"}
	parent.AddCommand(&cobra.Command{
		Use: "rotate", Short: "Encrypt all stored secrets with the first secret key", Args: cobra.NoArgs,
		Long: "Encrypts all stored secrets with the first key of PORTICO_SECRET_KEY.\n\n" +
			"To change the key: put a new one (openssl rand -base64 32) before the old one, with a comma between, in every\n" +
			"replica; restart them; run this; then take the old one away. The gateways may go on running meanwhile.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), func(s *Store) error {
				r, err := s.rotate(cmd.Context())
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%d encrypted anew, %d were already\n", r.sealed, r.current)
				if len(r.lost) > 0 {
					return r
				}
				return nil
			})
		},
	})
	return parent
}

// rotation is what became of the secrets. As an error it tells of those that could not be opened.
type rotation struct {
	sealed, current int
	lost            []string
}

func (r *rotation) Error() string {
	text := fmt.Sprintf("%d cannot be decrypted:", len(r.lost))
	for _, line := range r.lost {
		text += "\n" + line
	}
	return text
}

// rotate seals every secret with the first key, in one transaction. What cannot be opened stays as it is.
func (s *Store) rotate(ctx context.Context) (*rotation, error) {
	r := &rotation{}
	err := database.Write(ctx, s.db, func(tx *gorm.DB) error {
		*r = rotation{}
		var rows []SettingSecret
		err := tx.Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate}).Order("setting_key, field").Find(&rows).Error
		if err != nil {
			return err
		}
		for _, row := range rows {
			if s.keys.Current(row.Sealed) {
				r.current++
				continue
			}
			where := place(row.SettingKey, row.Field)
			plain, err := s.keys.Open(row.Sealed, where)
			if err != nil {
				r.lost = append(r.lost, fmt.Sprintf("%s %s: %s", row.SettingKey, row.Field, err))
				continue
			}
			if err := tx.Model(&row).UpdateColumn("sealed", s.keys.Seal(plain, where)).Error; err != nil {
				return err
			}
			r.sealed++
		}
		return nil
	})
	return r, err
}
