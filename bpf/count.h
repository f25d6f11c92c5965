/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What is done with a packet, in one function: parse, decide whether it is counted here, account. */
#ifndef WEIR_COUNT_H
#define WEIR_COUNT_H

#include "account.h"
#include "ledger.h"
#include "parse_fast.h"
#include "parse_slow.h"

static __always_inline int protocol_selected(__u32 protocol)
{
	return settings.protocols[protocol >> 6 & 3] >> (protocol & 63) & 1;
}

/* The product of a random 32-bit number and N is below 2^32 once in N times, to one part in 2^32 / N. */
static __always_inline int sampled_out(void)
{
	return (__u64)bpf_get_prandom_u32() * settings.sampling >> 32 != 0;
}

/* A packet that was counted on entry leaves. Where it leaves through a tunnel, that is put down by flow, if it fits. */
static __noinline int forward(struct __sk_buff *skb, const struct packet *packet)
{
	struct device *device = find_device(skb->ifindex);
	struct packet into = *packet;

	into.key.direction |= FLOW_INTO_TUNNEL;
	if (!device || !(device->counted & DEVICE_TUNNEL) || !add_to_overflow(&into))
		note(skb, packet, FILTERED_COUNTED_ELSEWHERE);
	return 0;
}

/*
 * Sampling comes last: only what would be a flow is sampled. What selects nothing costs nothing, since the verifier
 * knows the settings and takes out what they never reach.
 */
static __always_inline void decide(struct __sk_buff *skb, __u32 direction, enum parse_result result,
				   const struct packet *packet, enum packet_place kept)
{
	if (direction == FLOW_EGRESS && counted_on_entry(skb)) {
		if (!settings.follow_into_tunnels || result != PARSED) {
			note(skb, packet, FILTERED_COUNTED_ELSEWHERE);
		} else if (kept == IN_REGISTERS) {
			struct packet copy = *packet;
			forward(skb, &copy);
		} else {
			forward(skb, packet);
		}
		return;
	}
	if (result == PARSE_NOT_IP) {
		note(skb, packet, FILTERED_NOT_IP);
		return;
	}
	if (result == PARSE_MALFORMED) {
		note(skb, packet, LOST_MALFORMED);
		return;
	}
	if (settings.selects) {
		if (!protocol_selected(packet->key.transport)) {
			note(skb, packet, FILTERED_PROTOCOL);
			return;
		}
		if (settings.sampling > 1 && sampled_out()) {
			note(skb, packet, SAMPLED_OUT);
			return;
		}
	}
	account(skb, packet, kept);
}

static __noinline int count_slow(struct __sk_buff *skb, __u32 direction, __u32 link_bytes)
{
	struct packet packet = {};
	enum parse_result result = parse_slow(skb, direction, link_bytes, &packet);

	packet.ends_hash = flow_ends_hash(packet.key.words);
	decide(skb, direction, result, &packet, IN_MEMORY);
	return 0;
}

/*
 * The paths meet nowhere: a packet whose address goes to another function lives in memory, and the fast path keeps its
 * packet in registers. link_bytes: see parse_fast.
 */
static __always_inline void count_frame(struct __sk_buff *skb, __u32 direction, __u32 link_bytes)
{
	struct packet packet;

	if (parse_fast(skb, direction, link_bytes, &packet))
		decide(skb, direction, PARSED, &packet, IN_REGISTERS);
	else
		count_slow(skb, direction, link_bytes);
}

/* On a device with Ethernet headers. */
static __always_inline void count(struct __sk_buff *skb, __u32 direction)
{
	count_frame(skb, direction, ETH_HLEN);
}

#endif
