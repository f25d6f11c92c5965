#!/bin/sh
# Compiles one C program of bench/tools to build/bench/NAME.
set -eu
cd "$(dirname -- "$0")/.."
mkdir -p build/bench
cc -std=gnu17 -O2 -Wall -Wextra -Werror "$1" -o "build/bench/$(basename "$1" .c)"
