#!/usr/bin/env bash
# Run the tests of the storage backends against an emulator of Azure Blob Storage (azurite, from npm).
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$dir"' EXIT
npm install --prefix "$dir" --no-audit --no-fund --silent azurite@3.37.0
port=${PORT:-10000}
"$dir/node_modules/.bin/azurite-blob" --silent --inMemoryPersistence --skipApiVersionCheck --blobHost 127.0.0.1 --blobPort "$port" >"$dir/log" &
server=$!
for _ in $(seq 100); do
  grep -q 'successfully listens' "$dir/log" && break
  sleep 0.1
done
PORTICO_TEST_AZURE=http://127.0.0.1:$port/devstoreaccount1 \
  go test ./modules/storage -count=1 -run 'Backend|Write|Probe|Azure|Object|Upload|Crash|Foreign' -v | grep -E '^ *--- [A-Z]+: .*(/|_)azure|^--- FAIL|^ok|^FAIL'
