/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Frames the fast path leaves: VLAN tags, IPv4 options, IPv6 extension headers, fragments, other transports, headers
 * that are not in the linear part of the packet, and what is malformed: a header that does not fit the packet, or
 * lengths that contradict each other. Reads by copy, so it works on any packet; costs some 100 ns.
 */
#ifndef WEIR_PARSE_SLOW_H
#define WEIR_PARSE_SLOW_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "carried.h"
#include "fragments.h"
#include "headers.h"
#include "packet.h"
#include "walk.h"

#define IPPROTO_DCCP_NUMBER 33
#define IPPROTO_SCTP_NUMBER 132
#define IPPROTO_UDPLITE_NUMBER 136

/* The least that a transport's header has, and 0 for those of which nothing is read. */
static __always_inline __u32 transport_bytes(__u8 protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return TCP_BYTES;
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE_NUMBER:
		return UDP_BYTES;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return ICMP_BYTES;
	case IPPROTO_SCTP_NUMBER:
		return SCTP_BYTES;
	case IPPROTO_DCCP_NUMBER:
		return DCCP_BYTES;
	default:
		return 0;
	}
}

/* Ports, flags and header length of the transport; ports stay 0 where a protocol has none. */
static __always_inline enum parse_result walk_transport(struct __sk_buff *skb, struct header_walk *walk,
							struct packet *packet, __u32 *ports)
{
	__u8 header[TCP_FLAGS_OFFSET + 1] = {};
	__u32 header_bytes = transport_bytes(walk->protocol), room = walk->end - walk->offset;

	if (header_bytes == 0)
		return PARSED;
	/* No fragment is shorter than 8 bytes, and the ports are among them. */
	if (walk->first_fragment && room < header_bytes) {
		if (room < UDP_BYTES || bpf_skb_load_bytes(skb, walk->offset, header, UDP_BYTES))
			return PARSE_MALFORMED;
		header_bytes = room;
	} else if (room < header_bytes) {
		return PARSE_MALFORMED;
	} else if (walk->protocol == IPPROTO_TCP) {
		if (bpf_skb_load_bytes(skb, walk->offset, header, sizeof(header)))
			return PARSE_MALFORMED;
		packet->tcp_flags = header[TCP_FLAGS_OFFSET];
		header_bytes = (header[TCP_LENGTH_OFFSET] >> 4) * 4;
		if (header_bytes < TCP_BYTES || (header_bytes > room && !walk->first_fragment))
			return PARSE_MALFORMED;
	} else if (bpf_skb_load_bytes(skb, walk->offset, header, UDP_BYTES)) {
		return PARSE_MALFORMED;
	}
	if (walk->protocol == IPPROTO_UDP) {
		__u32 udp_bytes = header[UDP_LENGTH_OFFSET] << 8 | header[UDP_LENGTH_OFFSET + 1];
		/* A segmented packet of more than 64 KiB states none; that of a fragment is the whole datagram's. */
		if (udp_bytes < UDP_BYTES ? !(udp_bytes == 0 && skb->gso_size)
					  : udp_bytes > room && !walk->first_fragment)
			return PARSE_MALFORMED;
	}
	*ports =
	    walk->protocol == IPPROTO_ICMP || walk->protocol == IPPROTO_ICMPV6 ? *(__u16 *)header : port_word(header);
	walk->offset += header_bytes;
	return PARSED;
}

/* Notes whose the later fragments of a datagram are, or finds whose this one is. */
static __always_inline void walk_fragment(struct __sk_buff *skb, __u32 direction, struct header_walk *walk,
					  const __u64 *words, __u32 *ports)
{
	union flow_key datagram;

	__builtin_memcpy(datagram.words, words, 32);
	datagram.words[4] =
	    last_word(walk->fragment_id, walk->fragment_protocol, direction, device_index(skb->ifindex));
	if (walk->first_fragment) {
		remember_fragments(&datagram, *ports, walk->protocol);
		return;
	}
	struct fragment_owner *owner = find_fragment_owner(&datagram);
	if (owner) {
		*ports = owner->ports;
		walk->protocol = owner->protocol;
	}
}

/*
 * Fills the packet's size for any result, so that whatever is not counted as a flow is in the ledger; returns an enum
 * parse_result. Not static: then it is verified on its own, once, and not along each path that leads to it. Linux 6.1
 * tells hardly any two states of a program with several functions for the same, and would follow half a million
 * instructions.
 */
__noinline int parse_slow(struct __sk_buff *skb, __u32 direction, __u32 link_bytes, struct packet *packet)
{
	struct header_walk walk = {};
	__u32 ports = 0;

	if (!packet)
		return PARSE_MALFORMED;
	enum parse_result result = walk_link(skb, &walk, link_bytes);
	packet->tcp_flags = 0;
	if (result == PARSED) {
		if (walk.ether_type == bpf_htons(ETH_P_IP))
			result = walk_ipv4(skb, &walk, packet->key.words);
		else if (walk.ether_type == bpf_htons(ETH_P_IPV6))
			result = walk_ipv6(skb, &walk, packet->key.words);
		else
			result = PARSE_NOT_IP;
	}
	if (result == PARSED && !walk.later_fragment)
		result = walk_transport(skb, &walk, packet, &ports);
	if (result == PARSED && (walk.first_fragment || walk.later_fragment))
		walk_fragment(skb, direction, &walk, packet->key.words, &ports);
	packet->key.words[4] = last_word(ports, walk.protocol, direction, device_index(skb->ifindex));
	/* Where headers could not be read to their end, nobody knows what a segment repeats. */
	measure(skb, result == PARSED ? carried_headers(skb, walk.offset, walk.protocol, ports) : 0, packet);
	if (result == PARSED && skb->gso_size)
		packet->bytes -= packet->packets * walk.memory_bytes;
	return result;
}

#endif
