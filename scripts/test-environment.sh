# Sourced by what runs tests, with the root of the repository in $root: what their processes share.
export NODE_COMPILE_CACHE="${NODE_COMPILE_CACHE:-$root/build/compile-cache}"
# The first namespace of a machine makes /run/netns a mount, and two that are first at once hide each other.
if [ "$(id -u)" = 0 ]; then
	ip netns add "weir-test-$$-first"
	ip netns delete "weir-test-$$-first"
fi
