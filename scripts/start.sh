#!/bin/sh
# Runs Weir from a checkout: installs and builds what is missing, then becomes the agent, so that signals reach it and
# its exit code comes back.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
node=$(node "$root/scripts/setup.mjs")

# The configuration of a call that names none.
export WEIR_DEFAULT_CONFIG="$root/collector.yaml"
# Compiled code kept between runs saves 0.1 s of start and 40 MB of memory.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$root/build/compile-cache}"
exec "$node" "$root/cli/main.ts" "$@"
