// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The product's programs with a packet generator beside them: for benchmarks, and for exactness tests. */

#include "../../bpf/network.bpf.c"
#include "generate.h"

SEC("tc")
int generate_and_count(struct __sk_buff *skb)
{
	generate(skb);
	count(skb, FLOW_INGRESS);
	return NEXT_PROGRAM;
}
