// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/*
 * The product's programs over frames that are changed at random: each run of BPF_PROG_TEST_RUN flips bits of up to four
 * bytes, counts the frame, and flips them back. The sequence is the same after every load, so a failure comes again.
 */

#include "../../bpf/network.bpf.c"

#define FUZZ_CHANGES 4
#define FUZZ_BYTES 128 /* from the start of the frame: more than all headers of the seeds */

static __u64 random_state = 0x9e3779b97f4a7c15ull;

/* xorshift64 */
static __always_inline __u64 next_random(__u64 value)
{
	value ^= value << 13;
	value ^= value >> 7;
	value ^= value << 17;
	return value;
}

/* Flips bits as the numbers after this one say; a second time, it flips them back. Returns the last of them. */
static __always_inline __u64 flip(struct __sk_buff *skb, __u64 random)
{
	__u8 *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;

	random = next_random(random);
	__u32 wanted = random % (FUZZ_CHANGES + 1);
	for (__u32 i = 0; i < FUZZ_CHANGES; i++) {
		random = next_random(random);
		__u32 offset = (random >> 24) & (FUZZ_BYTES - 1);
		if (i < wanted && data + offset + 1 <= end)
			data[offset] ^= (__u8)(random >> 16);
	}
	return random;
}

static __always_inline int fuzz(struct __sk_buff *skb, __u32 direction, __u32 link_bytes)
{
	/* One number, and not the changes: the stack has no room for more. */
	__u64 before = random_state;

	random_state = flip(skb, before);
	count_frame(skb, direction, link_bytes);
	flip(skb, before);
	return NEXT_PROGRAM;
}

SEC("tc")
int fuzz_ingress(struct __sk_buff *skb)
{
	return fuzz(skb, FLOW_INGRESS, ETH_HLEN);
}

SEC("tc")
int fuzz_egress(struct __sk_buff *skb)
{
	return fuzz(skb, FLOW_EGRESS, ETH_HLEN);
}

SEC("tc")
int fuzz_ingress_l3(struct __sk_buff *skb)
{
	return fuzz(skb, FLOW_INGRESS, 0);
}

SEC("tc")
int fuzz_egress_l3(struct __sk_buff *skb)
{
	return fuzz(skb, FLOW_EGRESS, 0);
}
