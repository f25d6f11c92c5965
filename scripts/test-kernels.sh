#!/bin/sh
# Runs the tests of the kernel's side under other kernels: all, or the series named (`npm run test:kernels -- 6.1`).
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
node=$(node "$root/scripts/setup.mjs" --kernels)
cd "$root"
exec "$node" scripts/test-kernels.ts "$@"
