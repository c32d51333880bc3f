#!/bin/sh
# Proves that /openapi.json is fit for a typed dashboard: generates a TypeScript client from it and compiles a program that
# uses every group of routes under strict settings. With the address of a running gateway, the program runs against it too.
#
#   scripts/client.sh [http://127.0.0.1:8000]
set -eu

cd "$(dirname "$0")/client"
mkdir -p build

(cd ../.. && go run ./cmd/portico openapi) >build/openapi.json
npm ci --ignore-scripts --no-audit --no-fund --silent
npx --no-install openapi-typescript build/openapi.json --output build/portico.d.ts
npx --no-install tsc --project .
echo "the client compiles under strict"

if [ $# -gt 0 ]; then
	npx --no-install tsc --project . --noEmit false --outDir build
	node run.mjs "$1"
fi
