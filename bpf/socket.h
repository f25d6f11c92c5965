/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * The same counting for a packet socket. It gets the packets of every device of its namespace, both ways, and may not
 * read packet memory directly: so devices and directions are told apart here, and frames are read by copy.
 */
#ifndef WEIR_SOCKET_H
#define WEIR_SOCKET_H

#include <linux/if_packet.h>
#include "count.h"

/* In every namespace. What comes in here has left here just before, and was seen then. */
#define LOOPBACK_IFINDEX 1

static __always_inline void count_from_socket(struct __sk_buff *skb)
{
	__u32 direction = skb->pkt_type == PACKET_OUTGOING ? FLOW_EGRESS : FLOW_INGRESS;
	struct device *device = find_device(skb->ifindex);
	struct packet packet = {};
	__u32 counted;

	if (!device || !(device->counted & DEVICE_COUNTED))
		return;
	__u32 link_bytes = device->counted & DEVICE_STARTS_AT_IP ? 0 : ETH_HLEN;
	counted = device->counted >> direction & 1;
	if (!counted && skb->ifindex == LOOPBACK_IFINDEX)
		return;
	enum parse_result result = parse_slow(skb, direction, link_bytes, &packet);
	packet.ends_hash = flow_ends_hash(packet.key.words);
	if (counted)
		decide(skb, direction, result, &packet, IN_MEMORY);
	else
		note(skb, &packet, FILTERED_DIRECTION);
}

#endif
