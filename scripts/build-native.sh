#!/bin/sh
# Builds a native addon with the headers of the project's own Node: the product's, or the one in the folder named.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

node=$(ls "$root"/node_modules/node-linux-*/bin/node 2>/dev/null) || {
	echo "build-native: node_modules is missing: run \`npm ci --ignore-scripts\`" >&2
	exit 1
}
headers=$(dirname -- "$(dirname -- "$node")")
# Under npm the user's own `nodedir` setting is in the environment, and node-gyp prefers it to its argument.
unset npm_config_nodedir
# `configure build`, not `rebuild`: that one empties build/, where the BPF objects lie too.
PATH=$headers/bin:$PATH exec "$node" node_modules/node-gyp/bin/node-gyp.js configure build \
	--loglevel=error --directory="${1:-.}" --nodedir="$headers"
