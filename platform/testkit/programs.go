package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Programs ends a test for which the machine lacks one of the programs: it is skipped, and fails where the variable is
// "required".
func Programs(t testing.TB, variable string, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		missing := fmt.Sprintf("SKIPPED: no %s on this machine; the test needs %s", name, strings.Join(names, ", "))
		if os.Getenv(variable) == "required" {
			t.Fatal(missing)
			return
		}
		fmt.Fprintln(os.Stderr, missing)
		t.Skip(missing)
		return
	}
}
