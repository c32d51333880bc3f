#!/bin/sh
# Makes the TypeScript client anew: the document from the routes, the types from the document; and compiles it under strict
# settings. With the address of a running gateway and a PDF, its test runs against that.
#
#   scripts/client.sh [http://127.0.0.1:8000 report.pdf]
set -eu
cd "$(dirname "$0")/.."
go test ./clients/typescript -count=1 -run Golden -update
cd clients/typescript
npm ci --ignore-scripts --no-audit --no-fund --silent
npm run --silent generate
npm run --silent build
echo "the client compiles under strict"
if [ $# -gt 0 ]; then
	node test/run.mjs "$@"
fi
