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

static __always_inline void decide(struct __sk_buff *skb, __u32 direction, enum parse_result result,
				   const struct packet *packet)
{
	if (direction == FLOW_EGRESS && counted_on_entry(skb))
		note(skb, packet, FILTERED_COUNTED_ELSEWHERE);
	else if (result == PARSE_NOT_IP)
		note(skb, packet, FILTERED_NOT_IP);
	else if (result == PARSE_MALFORMED)
		note(skb, packet, LOST_MALFORMED);
	else if (settings.select_protocols && !protocol_selected(packet->key.transport))
		note(skb, packet, FILTERED_PROTOCOL);
	else
		account(skb, packet);
}

static __noinline int count_slow(struct __sk_buff *skb, __u32 direction, __u32 link_bytes)
{
	struct packet packet = {};
	enum parse_result result = parse_slow(skb, direction, link_bytes, &packet);

	decide(skb, direction, result, &packet);
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
		decide(skb, direction, PARSED, &packet);
	else
		count_slow(skb, direction, link_bytes);
}

/* On a device with Ethernet headers. */
static __always_inline void count(struct __sk_buff *skb, __u32 direction)
{
	count_frame(skb, direction, ETH_HLEN);
}

#endif
