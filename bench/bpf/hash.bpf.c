// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Counts flows in the kernel's hash map, with a time stamp for each packet: how flow counters are usually built. */

#include "generate.h"
#include "parse.h"

#define NEXT_PROGRAM (-1)

struct flow_record {
	__u64 bytes;
	__u64 packets;
	__u64 last_ns;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 131072);
	__type(key, struct flow_words);
	__type(value, struct flow_record);
} flows SEC(".maps");

static __always_inline void add_to_flow(struct __sk_buff *skb)
{
	struct flow_words flow;
	if (parse_flow(skb, &flow))
		return;

	__u64 now_ns = bpf_ktime_get_ns();
	struct flow_record *record = bpf_map_lookup_elem(&flows, &flow);
	if (!record) {
		struct flow_record first = {};
		bpf_map_update_elem(&flows, &flow, &first, BPF_NOEXIST);
		/* Another CPU may have made it meanwhile; a full map leaves nothing to add to. */
		record = bpf_map_lookup_elem(&flows, &flow);
		if (!record)
			return;
	}
	__sync_fetch_and_add(&record->bytes, skb->len);
	__sync_fetch_and_add(&record->packets, 1);
	record->last_ns = now_ns;
}

SEC("tc")
int count(struct __sk_buff *skb)
{
	add_to_flow(skb);
	return NEXT_PROGRAM;
}

SEC("tc")
int generate_and_count(struct __sk_buff *skb)
{
	generate(skb);
	add_to_flow(skb);
	return NEXT_PROGRAM;
}

char program_license[] SEC("license") = "GPL";
