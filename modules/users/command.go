package users

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"portico.internal/platform/errs"
	"portico.internal/platform/module"
)

// adminCommand is for the operator at the machine. A password is never taken from the command line, where others see it.
func adminCommand(run module.Runner) *cobra.Command {
	parent := &cobra.Command{Use: "admin", Short: "Make an administrator, or give somebody a new password"}
	parent.AddCommand(createCommand(run), resetCommand(run))
	return parent
}

func createCommand(run module.Runner) *cobra.Command {
	cmd := &cobra.Command{Use: "create", Short: "Make an administrator", Args: cobra.NoArgs}
	email, fromStdin := accountFlags(cmd)
	name := cmd.Flags().String("full-name", "", "the name to show")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		password, made, err := choosePassword(cmd, *fromStdin)
		if err != nil {
			return err
		}
		var fullName *string
		if cmd.Flags().Changed("full-name") {
			fullName = name
		}
		u, err := draft(*email, password, fullName)
		if err != nil {
			return err
		}
		u.IsSuperuser = true
		err = run(cmd.Context(), func(s *service) error {
			defer s.hasher.Close()
			return s.create(cmd.Context(), u, password, "user.created")
		})
		return report(cmd, err, "Created the administrator "+u.Email, password, made)
	}
	return cmd
}

func resetCommand(run module.Runner) *cobra.Command {
	cmd := &cobra.Command{Use: "reset-password", Short: "Give an account a new password", Args: cobra.NoArgs}
	email, fromStdin := accountFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		password, made, err := choosePassword(cmd, *fromStdin)
		if err != nil {
			return err
		}
		var found string
		err = run(cmd.Context(), func(s *service) (err error) {
			defer s.hasher.Close()
			found, err = s.resetPassword(cmd.Context(), *email, password)
			return err
		})
		if errs.KindOf(err) == errs.NotFound {
			err = fmt.Errorf("there is no account with the address %s", strings.TrimSpace(*email))
		}
		return report(cmd, err, "Changed the password of "+found, password, made)
	}
	return cmd
}

func accountFlags(cmd *cobra.Command) (email *string, passwordFromStdin *bool) {
	email = cmd.Flags().String("email", "", "the address of the account (required)")
	passwordFromStdin = cmd.Flags().Bool("password-stdin", false, "read the password from standard input instead of making one")
	_ = cmd.MarkFlagRequired("email")
	return email, passwordFromStdin
}

// choosePassword reads a password, up to the end of the line, or makes one. One that breaks the rules is an error.
func choosePassword(cmd *cobra.Command, fromStdin bool) (password string, made bool, err error) {
	if !fromStdin {
		return GeneratePassword(), true, nil
	}
	text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 4096))
	if err != nil {
		return "", false, fmt.Errorf("--password-stdin: %w", err)
	}
	password = strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if strings.ContainsAny(password, "\r\n") {
		return "", false, errors.New("--password-stdin: there is more than one line")
	}
	return password, false, CheckPassword(password)
}

// report says what was done, and shows a password that was made, this once.
func report(cmd *cobra.Command, err error, what, password string, made bool) error {
	if err != nil {
		return err
	}
	fmt.Fprintln(cmd.OutOrStdout(), what)
	if made {
		fmt.Fprintln(cmd.OutOrStdout(), "Password: "+password)
	}
	return nil
}
