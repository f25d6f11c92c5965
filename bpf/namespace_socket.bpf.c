// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The packet socket's program for another network namespace: see namespace.bpf.c. */

#define NAMED_NAMESPACE
#include "socket.bpf.c"
