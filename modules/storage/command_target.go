package storage

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
)

// target is a place as flags name it.
type target struct {
	file, secretEnv string
	secretStdin     bool
	backend         string
	fields          map[string]*string // by their names in the config
	pathStyle       bool
}

func targetFlags(cmd *cobra.Command) *target {
	t := &target{fields: map[string]*string{}}
	f := cmd.Flags()
	f.StringVar(&t.file, "target", "", `the place, a file with {"backend": ..., "config": {...}}; - is standard input`)
	f.StringVar(&t.backend, "backend", "", "local, s3 or azure")
	for _, field := range []struct{ name, usage string }{
		{"root", "local: the folder, in the data directory unless it is absolute"},
		{"bucket", "s3: the bucket"},
		{"region", "s3: its region"},
		{"access_key_id", "s3: the id of the access key"},
		{"account", "azure: the account"},
		{"container", "azure: the container"},
		{"endpoint", "s3, azure: URL of a service that is not the provider's own"},
		{"prefix", "s3, azure: the folder in the bucket or container"},
	} {
		t.fields[field.name] = f.String(strings.ReplaceAll(field.name, "_", "-"), "", field.usage)
	}
	f.BoolVar(&t.pathStyle, "force-path-style", false, "s3: the bucket in the path and not in the host name; true with an endpoint")
	f.StringVar(&t.secretEnv, "secret-env", "", "the environment variable that holds the secret access key or account key")
	f.BoolVar(&t.secretStdin, "secret-stdin", false, "read the secret access key or account key from standard input")
	cmd.MarkFlagsOneRequired("target", "backend")
	cmd.MarkFlagsMutuallyExclusive("target", "backend")
	cmd.MarkFlagsMutuallyExclusive("secret-env", "secret-stdin")
	return t
}

// read makes a place of the flags.
func (t *target) read(cmd *cobra.Command) (in placeIn, err error) {
	var text []byte
	if t.file != "" {
		if text, err = t.readFile(cmd); err != nil {
			return in, fmt.Errorf("--target: %w", err)
		}
	} else {
		config := map[string]any{}
		for name, value := range t.fields {
			if *value != "" {
				config[name] = *value
			}
		}
		if cmd.Flags().Changed("force-path-style") {
			config["force_path_style"] = t.pathStyle
		}
		secret, err := t.secret(cmd)
		if err != nil {
			return in, err
		}
		if field := map[string]string{kindS3: "secret_access_key", kindAzure: "account_key"}[t.backend]; field != "" && secret != "" {
			config[field] = secret
		}
		if text, err = json.Marshal(map[string]any{"backend": t.backend, "config": config}); err != nil {
			return in, err
		}
	}
	if err := json.Unmarshal(text, &in, json.RejectUnknownMembers(true)); err != nil {
		return in, fmt.Errorf("--target: %w", withoutValues(err))
	}
	return in, nil
}

// withoutValues is where a text is wrong, without what stands there.
func withoutValues(err error) error {
	var syntactic *jsontext.SyntacticError
	var semantic *json.SemanticError
	switch {
	case errors.As(err, &syntactic):
		return fmt.Errorf("this is no JSON, at byte %d", syntactic.ByteOffset)
	case errors.As(err, &semantic):
		return fmt.Errorf("%s is unknown or not of the right type", semantic.JSONPointer)
	}
	return errors.New("it is not of the right form")
}

const maxTarget = 64 << 10

func (t *target) readFile(cmd *cobra.Command) ([]byte, error) {
	from := cmd.InOrStdin()
	if t.file != "-" {
		f, err := os.Open(t.file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		from = f
	}
	return io.ReadAll(io.LimitReader(from, maxTarget))
}

func (t *target) secret(cmd *cobra.Command) (string, error) {
	switch {
	case t.secretEnv != "":
		secret := os.Getenv(t.secretEnv)
		if secret == "" {
			return "", fmt.Errorf("--secret-env: %s is not set", t.secretEnv)
		}
		return secret, nil
	case t.secretStdin:
		text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxTarget))
		return strings.TrimRight(string(text), "\r\n"), err
	}
	return "", nil
}
