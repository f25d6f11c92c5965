/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Frames the fast path leaves: IPv4 options, IPv6 extension headers, later fragments, other transports, and headers
 * that are not in the linear part of the packet. Reads by copy, so it works on any packet; costs some 100 ns.
 */
#ifndef WEIR_PARSE_SLOW_H
#define WEIR_PARSE_SLOW_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "headers.h"
#include "packet.h"

/* Extension headers that are walked; RFC 8200 names six kinds, each sensible once (destination options twice). */
#define IPV6_MAX_EXTENSIONS 8

/* Where the headers of a packet end so far, and what comes next. */
struct header_walk {
	__u32 offset;
	__u8 protocol;
	__u8 later_fragment; /* the transport header is in another packet */
};

static __always_inline enum parse_result walk_ipv4(struct __sk_buff *skb, struct header_walk *walk, __u64 *words)
{
	struct iphdr ip;

	if (bpf_skb_load_bytes(skb, walk->offset, &ip, sizeof(ip)))
		return PARSE_MALFORMED;
	if (ip.version != 4 || ip.ihl < 5)
		return PARSE_MALFORMED;
	words[0] = 0;
	words[1] = v4_mapped(ip.saddr);
	words[2] = 0;
	words[3] = v4_mapped(ip.daddr);
	walk->offset += ip.ihl * 4;
	walk->protocol = ip.protocol;
	walk->later_fragment = (ip.frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET)) != 0;
	return PARSED;
}

static __always_inline enum parse_result walk_ipv6(struct __sk_buff *skb, struct header_walk *walk, __u64 *words)
{
	struct ipv6hdr ip;

	if (bpf_skb_load_bytes(skb, walk->offset, &ip, sizeof(ip)))
		return PARSE_MALFORMED;
	if (ip.version != 6)
		return PARSE_MALFORMED;
	__builtin_memcpy(&words[0], &ip.saddr, 16);
	__builtin_memcpy(&words[2], &ip.daddr, 16);
	walk->offset += sizeof(ip);
	walk->protocol = ip.nexthdr;
	for (int i = 0; i < IPV6_MAX_EXTENSIONS; i++) {
		__u8 next = walk->protocol, header[4];
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_FRAGMENT && next != IPPROTO_AH)
			return PARSED;
		if (bpf_skb_load_bytes(skb, walk->offset, header, sizeof(header)))
			return PARSE_MALFORMED;
		walk->protocol = header[0];
		if (next == IPPROTO_FRAGMENT) {
			walk->offset += 8;
			if ((header[2] << 8 | header[3]) & IPV6_FRAGMENT_OFFSET) {
				walk->later_fragment = 1;
				return PARSED;
			}
		} else if (next == IPPROTO_AH) {
			walk->offset += (header[1] + 2) * 4; /* RFC 4302: in words, less two */
		} else {
			walk->offset += (header[1] + 1) * 8;
		}
	}
	return PARSE_MALFORMED;
}

/* Ports, flags and header length of the transport; ports stay 0 where a protocol has none. */
static __always_inline enum parse_result walk_transport(struct __sk_buff *skb, struct header_walk *walk,
							struct packet *packet, __u32 *ports)
{
	__u8 header[TCP_FLAGS_OFFSET + 1] = {};

	if (walk->later_fragment)
		return PARSED;
	if (walk->protocol == IPPROTO_TCP) {
		if (bpf_skb_load_bytes(skb, walk->offset, header, sizeof(header)))
			return PARSE_MALFORMED;
		*ports = port_word(header);
		packet->tcp_flags = header[TCP_FLAGS_OFFSET];
		walk->offset += (header[TCP_LENGTH_OFFSET] >> 4) * 4;
	} else if (walk->protocol == IPPROTO_UDP) {
		if (bpf_skb_load_bytes(skb, walk->offset, header, 4))
			return PARSE_MALFORMED;
		*ports = port_word(header);
		walk->offset += UDP_BYTES;
	} else if (walk->protocol == IPPROTO_ICMP || walk->protocol == IPPROTO_ICMPV6) {
		if (bpf_skb_load_bytes(skb, walk->offset, header, 2))
			return PARSE_MALFORMED;
		*ports = *(__u16 *)header;
		walk->offset += ICMP_BYTES;
	}
	return PARSED;
}

/* Fills the packet's size for any result, so that whatever is not counted as a flow is in the ledger. */
static __always_inline enum parse_result parse_slow(struct __sk_buff *skb, __u32 direction, struct packet *packet)
{
	struct header_walk walk = {.offset = ETH_HLEN};
	enum parse_result result = PARSE_NOT_IP;
	__u16 ether_type = 0;
	__u32 ports = 0;

	packet->tcp_flags = 0;
	if (bpf_skb_load_bytes(skb, ETHER_TYPE_OFFSET, &ether_type, sizeof(ether_type)))
		result = PARSE_MALFORMED;
	else if (ether_type == bpf_htons(ETH_P_IP))
		result = walk_ipv4(skb, &walk, packet->key.words);
	else if (ether_type == bpf_htons(ETH_P_IPV6))
		result = walk_ipv6(skb, &walk, packet->key.words);
	if (result == PARSED)
		result = walk_transport(skb, &walk, packet, &ports);
	packet->key.words[4] = last_word(ports, walk.protocol, direction, skb->ifindex);
	measure(skb, walk.offset, packet);
	return result;
}

#endif
