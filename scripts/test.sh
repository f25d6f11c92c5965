#!/bin/sh
# Runs the tests; arguments go to ava.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
node=$(node "$root/scripts/setup.mjs" --test)
cd "$root"
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$root/build/compile-cache}"
# The first namespace of a machine makes /run/netns a mount, and two that are first at once hide each other.
if [ "$(id -u)" = 0 ]; then
	ip netns add "weir-test-$$-first"
	ip netns delete "weir-test-$$-first"
fi
exec "$node" node_modules/ava/entrypoints/cli.js "$@"
