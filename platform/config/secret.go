package config

import (
	"errors"
	"fmt"
	"strings"
)

// byFile ends the name of a variable that names a file, whose content is the value of the variable without it.
const byFile = "_FILE"

// maxSecret bounds such a file: the longest secret, an RSA key, takes a few kilobytes.
const maxSecret = 64 << 10

// Secret returns a secret from the environment, which has the form of os.Environ: the value of the variable NAME, or the
// content of the file that NAME_FILE names, without line ends at its end; empty when neither is set. It is an error when
// both are, and when the file cannot be read, holds nothing or more than 64 KiB. The error is one line that names the
// variable and repeats neither value: who errs may have put the secret itself where its file is to be named.
func Secret(environ []string, name string) (string, error) {
	value, source, err := secretOf(variables(environ), name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", source, err)
	}
	return value, nil
}

// secretOf returns also which variable has spoken.
func secretOf(values map[string]string, name string) (value, source string, err error) {
	value, path := values[name], values[name+byFile]
	if path == "" {
		return value, name, nil
	}
	source = name + byFile
	if value != "" {
		return "", source, fmt.Errorf("is set beside %s; keep one", name)
	}
	content, err := readLimited(path, maxSecret)
	switch {
	case errors.Is(err, errTooLarge):
		return "", source, errors.New("names a file that is larger than 64 KiB; name one that holds the secret alone")
	case err != nil:
		return "", source, fmt.Errorf("names a file that cannot be read: %w; name one that this account can read", reason(err))
	}
	if value = strings.TrimRight(string(content), "\r\n"); value == "" {
		return "", source, errors.New("names an empty file; write the secret into it")
	}
	return value, source, nil
}
