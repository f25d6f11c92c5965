/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The least that any flow counter must read of a packet: IPv4 without options over TCP or UDP, by direct access. */
#ifndef WEIR_BENCH_PARSE_H
#define WEIR_BENCH_PARSE_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Built in registers, word by word: a key stored in small pieces and loaded in large ones waits for the stores. */
struct flow_words {
	__u64 words[5]; /* v6-mapped source, v6-mapped destination, ports and protocol */
};

#define MAPPED_PREFIX 0xffff0000ull /* ::ffff: before an IPv4 address, as it lies in memory */

static __always_inline int parse_flow(struct __sk_buff *skb, struct flow_words *flow)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = data + sizeof(*ethernet);
	__u32 *ports = (void *)(ip + 1);

	if ((void *)(ports + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP))
		return -1;
	if (*(__u8 *)ip != 0x45 || (ip->frag_off & bpf_htons(0x1fff)))
		return -1;
	if (ip->protocol != IPPROTO_TCP && ip->protocol != IPPROTO_UDP)
		return -1;
	flow->words[0] = 0;
	flow->words[1] = (__u64)ip->saddr << 32 | MAPPED_PREFIX;
	flow->words[2] = 0;
	flow->words[3] = (__u64)ip->daddr << 32 | MAPPED_PREFIX;
	flow->words[4] = *ports | (__u64)ip->protocol << 32;
	return 0;
}

#endif
