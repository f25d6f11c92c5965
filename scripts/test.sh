#!/bin/sh
# Runs the tests; arguments go to ava.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
node=$(node "$root/scripts/setup.mjs" --test)
cd "$root"
. "$root/scripts/test-environment.sh"
exec "$node" node_modules/ava/entrypoints/cli.js "$@"
