//go:build race

package main_test

// buildFlags make the binary as this test was made.
var buildFlags = []string{"-race"}
