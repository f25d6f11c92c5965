#!/bin/sh
# Checks what a machine can see without running the program, one line a check as `ok NAME` or `not ok NAME`: types,
# format, lint, the rules of who may import whom, and whether the generated docs are fresh.
set -u
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
node=$(node "$root/scripts/setup.mjs" --test) || exit 1
cd "$root"
status=0

check() {
	name=$1
	shift
	if output=$("$@" 2>&1); then
		echo "ok $name"
	else
		echo "$output"
		echo "not ok $name"
		status=1
	fi
}

c_format() {
	find bpf native bench test \( -name build -prune \) -o \( -name '*.c' -o -name '*.h' -o -name '*.cc' \) -print0 |
		xargs -0 -r clang-format --dry-run -Werror --ferror-limit=1
}

check 'types' "$node" node_modules/typescript/bin/tsc
check 'format and lint' node_modules/@biomejs/cli-linux-*/biome check
check 'C format' c_format
check 'imports and file lengths' "$node" scripts/check-imports.ts
check 'docs are generated' "$node" scripts/generate-docs.ts --check
exit $status
