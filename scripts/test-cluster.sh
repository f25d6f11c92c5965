#!/bin/sh
# Runs the tests against a real Kubernetes API server, which is built once (scripts/build-apiserver.sh); arguments go to
# ava.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
node=$(node "$root/scripts/setup.mjs" --test)
if ! command -v go >/dev/null; then
	echo 'test:cluster: the API server is built from source: install Go 1.26 or newer (https://go.dev)' >&2
	exit 1
fi
"$root/scripts/build-apiserver.sh" >/dev/null
. "$root/scripts/test-environment.sh"
# The folder tells ava which configuration to use.
cd "$root/test/cluster"
exec "$node" "$root/node_modules/ava/entrypoints/cli.js" --timeout=5m "$@"
