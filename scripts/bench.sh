#!/bin/sh
# Runs benchmarks: the ones named (`npm run bench -- program scan`), or every bench/NAME.ts in turn.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
node=$(node "$root/scripts/setup.mjs" --test)
# As `npm start` does: compiled code that is kept saves 40 MB of the agent.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$root/build/compile-cache}"
cd "$root"

if [ $# -eq 0 ]; then
	for file in bench/*.ts; do
		case $file in *.test.ts) continue ;; esac
		set -- "$@" "$(basename "$file" .ts)"
	done
fi
for name in "$@"; do
	if [ ! -f "bench/$name.ts" ]; then
		echo "bench: there is no bench/$name.ts" >&2
		exit 2
	fi
	echo "== $name"
	"$node" "bench/$name.ts"
done
