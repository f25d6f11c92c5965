// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The same programs for the devices of another network namespace: a compilation of its own, so that those of the
 * agent's own namespace have not an instruction more.
 */

#define NAMED_NAMESPACE
#include "network.bpf.c"
