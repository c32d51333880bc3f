#!/usr/bin/env bash
# Builds the programs for every platform, without paths of this machine in them, and their checksums:
#
#   scripts/release.sh VERSION [DIR, bin/release] [PLATFORM..., all]
#
# The same sources and Go give the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:?which version?}
dir=${2:-bin/release}
shift $(($# < 2 ? $# : 2))
platforms=("$@")
[ $# -gt 0 ] || platforms=(linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64)
[[ $version =~ ^v?[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || { echo "release: \"$version\" is no version such as 1.2.3" >&2; exit 1; }
version=${version#v}

mkdir -p "$dir"
made=()
for platform in "${platforms[@]}"; do
  os=${platform%/*} arch=${platform#*/} end=
  [ "$os" != windows ] || end=.exe
  for program in portico docservice; do
    file="$program-$version-$os-$arch$end"
    CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -buildvcs=false -tags nomsgpack \
      -ldflags "-s -w -X portico.internal/platform/app.version=$version" -o "$dir/$file" "./cmd/$program"
    made+=("$file")
  done
done
(cd "$dir" && sha256sum "${made[@]}" >SHA256SUMS && cat SHA256SUMS)
