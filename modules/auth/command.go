package auth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/spf13/cobra"

	"portico.internal/platform/datadir"
	"portico.internal/platform/module"
)

// keysCommand makes a pair without a configuration, for that is what the pair will be part of.
func keysCommand(module.Runner) *cobra.Command {
	var dir string
	generate := &cobra.Command{
		Use:   "generate",
		Short: "Make a pair of RSA keys and print it, or write it into a directory",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if dir != "" {
				return writeInto(cmd.OutOrStdout(), dir)
			}
			key, err := generateKey()
			if err != nil {
				return err
			}
			private, err := encodePrivate(key)
			if err != nil {
				return err
			}
			public, err := encodePublic(&key.PublicKey)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s%s", private, public)
			return err
		},
	}
	generate.Flags().StringVar(&dir, "dir", "", "write "+privateFile+" and "+publicFile+" here; nothing is ever overwritten")
	keys := &cobra.Command{Use: "keys", Short: "Make the keys that sign tokens"}
	keys.AddCommand(generate)
	return keys
}

func writeInto(out io.Writer, dir string) error {
	dir, err := datadir.Open(dir)
	if err != nil {
		return err
	}
	if err := writeKeys(dir, generateKey); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s has keys already; they were left as they are", dir)
	} else if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s and %s written into %s\n", privateFile, publicFile, dir)
	return err
}
