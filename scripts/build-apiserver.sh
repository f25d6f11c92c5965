#!/bin/bash
# Prints the path of the Kubernetes API server for tests (test/cluster/apiserver). It is built once for each state of its
# sources, into the user's cache, and stays there; the first build on a machine takes six minutes on two cores. Needs Go.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root/test/cluster/apiserver"
version=$(sed -n 's/^\tk8s.io\/kubernetes \(v.*\)$/\1/p' go.mod)
state=$(cat "$root/scripts/build-apiserver.sh" go.mod go.sum main.go | sha256sum | cut -c 1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/weir/apiserver
binary=$cache/apiserver-$version-$state

mkdir -p "$cache"
# Two runs that start together build once.
exec 9>"$cache/lock"
flock 9
if [ ! -x "$binary" ]; then
	# Without its version the server calls itself v0.0.0, and refuses what a version decides.
	stamp=k8s.io/component-base/version
	IFS=. read -r major minor _ <<<"${version#v}"
	flags="-s -w -X $stamp.gitVersion=$version -X $stamp.gitMajor=$major -X $stamp.gitMinor=$minor"
	echo "build-apiserver: building Kubernetes $version, once" >&2
	GOTOOLCHAIN=local GOFLAGS=-buildvcs=false CGO_ENABLED=0 \
		nice go build -trimpath -ldflags="$flags" -o "$binary.part" . >&2
	mv "$binary.part" "$binary"
fi
echo "$binary"
