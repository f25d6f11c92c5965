/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* From the start of any frame to its transport: VLAN tags, IPv4 options, IPv6 extension headers. Reads by copy. */
#ifndef WEIR_WALK_H
#define WEIR_WALK_H

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

/*
 * To a process without CAP_PERFMON the verifier of Linux 6.1 refuses a store into part of a word in which it knows a
 * number: there each number fills a word of its own. Elsewhere the stack is too dear for that.
 */
#ifdef WITHOUT_PERFMON
#define WALK_NUMBER(narrow) __u64
#else
#define WALK_NUMBER(narrow) narrow
#endif

/* Where the headers of a packet end so far, and what comes next. */
struct header_walk {
	WALK_NUMBER(__u32) offset;
	WALK_NUMBER(__u32) end; /* of the IP packet: padding of the frame lies behind it */
	WALK_NUMBER(__u32) fragment_id;
	WALK_NUMBER(__u16) ether_type;
	WALK_NUMBER(__u8) protocol;
	WALK_NUMBER(__u8) fragment_protocol; /* what a datagram's id is unique within; 0 for IPv6 */
	WALK_NUMBER(__u8) first_fragment;
	WALK_NUMBER(__u8) later_fragment; /* the transport header is in another packet */
	WALK_NUMBER(__u8) length_unstated;
	WALK_NUMBER(__u8) memory_bytes; /* header bytes that no segment has on the wire */
};

/* Finds the protocol of a frame behind its tags. */
static __always_inline enum parse_result walk_link(struct __sk_buff *skb, struct header_walk *walk, __u32 link_bytes)
{
	__be16 ether_type;

	walk->offset = link_bytes;
	if (link_bytes == 0) {
		walk->ether_type = skb->protocol;
		return PARSED;
	}
	if (bpf_skb_load_bytes(skb, ETHER_TYPE_OFFSET, &ether_type, sizeof(ether_type)))
		return PARSE_MALFORMED;
	STRAIGHT_ON
	for (int tags = 0; tags < VLAN_MAX_TAGS; tags++) {
		if (ether_type != bpf_htons(ETH_P_8021Q) && ether_type != bpf_htons(ETH_P_8021AD))
			break;
		if (bpf_skb_load_bytes(skb, walk->offset + 2, &ether_type, sizeof(ether_type)))
			return PARSE_MALFORMED;
		walk->offset += VLAN_TAG_BYTES;
	}
	walk->ether_type = ether_type;
	return PARSED;
}

/*
 * Sets the end of the IP packet. A segmented packet of more than 64 KiB (BIG TCP) states no length: it fills its frame.
 */
static __always_inline enum parse_result walk_length(struct __sk_buff *skb, struct header_walk *walk,
						     __u32 header_bytes, __u32 ip_bytes, int none_stated)
{
	__u32 frame_bytes = skb->len;

	if (none_stated && skb->gso_size)
		walk->end = frame_bytes;
	else
		walk->end = walk->offset + ip_bytes;
	walk->offset += header_bytes;
	return walk->offset <= walk->end && walk->end <= frame_bytes ? PARSED : PARSE_MALFORMED;
}

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
	walk->protocol = ip.protocol;
	walk->fragment_protocol = ip.protocol;
	walk->fragment_id = ip.id;
	walk->later_fragment = (ip.frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET)) != 0;
	walk->first_fragment = !walk->later_fragment && (ip.frag_off & bpf_htons(IPV4_MORE_FRAGMENTS));
	return walk_length(skb, walk, ip.ihl * 4, bpf_ntohs(ip.tot_len), ip.tot_len == 0);
}

enum walked { WALK_ON, WALKED, WALK_MALFORMED };

/* Moves over one extension header, if it is one. */
#ifdef WITHOUT_PERFMON
/* Not inline: what stands there eight times must be short, since a socket takes no program of more than 20 KB. */
__noinline int walk_extension(struct __sk_buff *skb, struct header_walk *walk)
#else
static __always_inline int walk_extension(struct __sk_buff *skb, struct header_walk *walk)
#endif
{
	__u8 header[IPV6_EXTENSION_BYTES];

	if (!walk)
		return WALK_MALFORMED;
	WALK_NUMBER(__u8) next = walk->protocol;
	if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS && next != IPPROTO_FRAGMENT &&
	    next != IPPROTO_AH)
		return WALKED;
	if (bpf_skb_load_bytes(skb, walk->offset, header, sizeof(header)))
		return WALK_MALFORMED;
	walk->protocol = header[0];
	if (next == IPPROTO_FRAGMENT) {
		walk->offset += IPV6_EXTENSION_BYTES;
		walk->later_fragment = ((header[2] << 8 | header[3]) & IPV6_FRAGMENT_OFFSET) != 0;
		walk->first_fragment = !walk->later_fragment && (header[3] & IPV6_MORE_FRAGMENTS);
		walk->fragment_id = *(__u32 *)&header[4];
	} else if (next == IPPROTO_AH) {
		walk->offset += (header[1] + 2) * 4; /* RFC 4302: in words, less two */
	} else {
		walk->offset += (header[1] + 1) * 8;
		/* The kernel's own note on a packet that states no length; segments go without it. */
		if (walk->length_unstated && header[1] == 0 && header[2] == IPV6_OPTION_JUMBO)
			walk->memory_bytes = IPV6_EXTENSION_BYTES;
	}
	if (walk->offset > walk->end)
		return WALK_MALFORMED;
	return walk->later_fragment ? WALKED : WALK_ON;
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
	walk->protocol = ip.nexthdr;
	if (walk_length(skb, walk, IPV6_BYTES, IPV6_BYTES + bpf_ntohs(ip.payload_len), ip.payload_len == 0) != PARSED)
		return PARSE_MALFORMED;
	walk->length_unstated = ip.payload_len == 0;
	STRAIGHT_ON
	for (int i = 0; i < IPV6_MAX_EXTENSIONS; i++) {
		int walked = walk_extension(skb, walk);
		if (walked != WALK_ON)
			return walked == WALKED ? PARSED : PARSE_MALFORMED;
	}
	return PARSE_MALFORMED;
}

#endif
