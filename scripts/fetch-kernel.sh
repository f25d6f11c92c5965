#!/bin/bash
# Prints the folder of a Debian kernel of the series named (`6.1`, `6.12`) for scripts/kernel-vm.sh. It is fetched and
# unpacked once, into the user's cache, and stays there; nothing is installed. Remove the folder to get a newer one.
set -eu
series=$1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/weir/kernels
# Debian calls a kernel of its own release 6.1.0-N-amd64, one brought back from a later release 6.12.N+deb12-amd64.
pattern="^linux-image-${series//./\\.}\\.[0-9]+(-[0-9]+|\\+deb[0-9]+)-amd64\$"

newest_cached() {
	find "$cache" -maxdepth 1 -name "$series.*" | sort -V | tail -n 1
}

newest_package() {
	apt-cache --names-only search "$pattern" | cut -d ' ' -f 1 | sort -V | tail -n 1
}

mkdir -p "$cache"
# Two runs that start together fetch once.
exec 9>"$cache/lock"
flock 9
folder=$(newest_cached)
if [ -z "$folder" ]; then
	part=$(mktemp -d "$cache/.part-XXXXXX")
	trap 'rm -rf "$part"' EXIT
	cd "$part"
	# The lists of packages are as old as the image they came with; they are renewed only when they do not do.
	package=$(newest_package)
	if [ -z "$package" ] || ! apt-get download "$package" >&2; then
		apt-get update >&2
		package=$(newest_package)
		[ -n "$package" ] || {
			echo "fetch-kernel: no suite of this machine has a kernel $series: add the security suite of Debian 12" >&2
			exit 1
		}
		apt-get download "$package" >&2
	fi
	dpkg -x ./*.deb unpacked
	depmod -b unpacked "${package#linux-image-}"
	folder=$cache/${package#linux-image-}
	chmod 755 unpacked
	mv unpacked "$folder"
fi
echo "$folder"
