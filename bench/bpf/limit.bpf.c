// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Reads the flow of a packet and adds to one array element: no flow counter can do less. */

#include "generate.h"
#include "parse.h"

#define NEXT_PROGRAM (-1)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} bytes SEC(".maps");

static __always_inline void add_to_bytes(struct __sk_buff *skb)
{
	struct flow_words flow;
	if (parse_flow(skb, &flow))
		return;
	/* Nothing uses the key, and the compiler must not know. */
	asm volatile("" ::"r"(flow.words[1]), "r"(flow.words[3]), "r"(flow.words[4]));

	__u32 index = 0;
	__u64 *sum = bpf_map_lookup_elem(&bytes, &index);
	if (sum)
		__sync_fetch_and_add(sum, skb->len);
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	add_to_bytes(skb);
	return NEXT_PROGRAM;
}

SEC("tc")
int generate_and_count(struct __sk_buff *skb)
{
	generate(skb);
	add_to_bytes(skb);
	return NEXT_PROGRAM;
}

char program_license[] SEC("license") = "GPL";
