// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Counts nothing: what a hook and the benchmark itself cost. */

#include "generate.h"

#define NEXT_PROGRAM (-1)

SEC("tc")
int count(struct __sk_buff *skb)
{
	(void)skb;
	return NEXT_PROGRAM;
}

SEC("tc")
int generate_and_count(struct __sk_buff *skb)
{
	generate(skb);
	return NEXT_PROGRAM;
}

char program_license[] SEC("license") = "GPL";
