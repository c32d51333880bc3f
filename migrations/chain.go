// Package migrations holds the one order in which the steps of all modules run.
package migrations

import _ "embed"

// Chain is chain.txt, for migrate.ParseChain.
//
//go:embed chain.txt
var Chain string
