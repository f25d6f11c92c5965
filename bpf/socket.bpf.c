// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The program that hangs on a packet socket: a compilation of its own, since it must load for a process without
 * CAP_PERFMON. So it has no loops and, by -mcpu=v2 (scripts/build-bpf.sh), no 32-bit registers: the verifier of
 * Linux 6.1 refuses to put one aside twice at the same place in the stack.
 */

#define WITHOUT_PERFMON
#include "socket.h"

#define QUEUE_NOTHING 0

SEC("socket")
int network_socket(struct __sk_buff *skb)
{
	count_from_socket(skb);
	return QUEUE_NOTHING;
}

/* The kernel knows only the first of the two licences. */
char program_license[] SEC("license") = "GPL";
