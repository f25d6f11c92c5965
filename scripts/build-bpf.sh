#!/bin/sh
# Compiles BPF programs to build/bpf/NAME.bpf.o: the sources named, or every one in the tree.
# Objects keep their BTF, which the loader needs, and lose the DWARF, which it does not.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

machine=$(uname -m)
case $machine in
x86_64) target=x86 ;;
aarch64) target=arm64 ;;
*)
	echo "build-bpf: unknown machine $machine: Weir runs on x86_64 and aarch64" >&2
	exit 1
	;;
esac

mkdir -p build/bpf
if [ $# -eq 0 ]; then
	set -- bpf/*.bpf.c bench/bpf/*.bpf.c test/bpf/*.bpf.c
fi
for source in "$@"; do
	# A folder without programs leaves its pattern as it is.
	case $source in *'*'*) continue ;; esac
	object=build/bpf/$(basename "$source" .c).o
	# Built aside and then renamed: a program that starts meanwhile never reads half an object.
	part=$object.$$
	trap 'rm -f "$part"' EXIT
	# Why: see bpf/socket.bpf.c.
	case $source in *socket.bpf.c) cpu=v2 ;; *) cpu=v3 ;; esac
	clang -O2 -g -Wall -Wextra -Werror -target bpf -mcpu=$cpu "-D__TARGET_ARCH_$target" \
		"-I/usr/include/$machine-linux-gnu" -Ibpf -c "$source" -o "$part"
	llvm-strip -g "$part"
	mv "$part" "$object"
done
