package settings

// SecretFields of the setting ai, with dots between the names.
func SecretFields() []string {
	var paths []string
	for _, f := range secretFields[aiDocument]() {
		paths = append(paths, f.path)
	}
	return paths
}
