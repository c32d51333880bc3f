#!/bin/sh
# Make the secrets that compose.yaml and configs/kubernetes mount as files: scripts/secrets.sh [FOLDER], ./secrets when
# none is named. What is there already stays. POSTGRES_HOST is where the database will be found, postgres when not set.
#
# The folder is closed to other accounts. The files in it are readable, because a container engine mounts them one by one
# as they are, for programs that run as accounts of their own.
set -eu
umask 077
dir=${1:-secrets}
mkdir -p "$dir"
chmod 700 "$dir"
cd "$dir"

# keep NAME: write standard input there, unless there is something.
keep() {
  [ ! -s "$1" ] || { cat >/dev/null; return 0; }
  cat >"$1.new"
  [ -s "$1.new" ] || { echo "$0: nothing came out for $1" >&2; exit 1; }
  chmod 444 "$1.new"
  mv "$1.new" "$1"
}

openssl rand -hex 24 | keep database_password
echo "postgres://portico:$(cat database_password)@${POSTGRES_HOST:-postgres}:5432/portico" | keep database_url
[ -s jwt_private_key ] || openssl genrsa 4096 2>/dev/null | keep jwt_private_key
openssl rsa -in jwt_private_key -pubout 2>/dev/null | keep jwt_public_key
openssl rand -base64 32 | keep secret_key
openssl rand -base64 32 | keep docservice_secret_key
openssl rand -hex 32 | keep service_token
echo "A1.z$(openssl rand -hex 12)" | keep admin_password
openssl rand -hex 24 | keep s3_secret_key
