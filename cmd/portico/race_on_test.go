//go:build race

package main_test

// buildFlags make the binary as this test was made. The cipher below bcrypt shares nothing with anybody, and watched it
// would take many times as long.
var buildFlags = []string{"-race", "-gcflags=golang.org/x/crypto/blowfish=-race=false"}
