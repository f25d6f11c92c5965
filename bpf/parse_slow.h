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
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "carried.h"
#include "fragments.h"
#include "headers.h"
#include "packet.h"

/* Extension headers that are walked; RFC 8200 names six kinds, each sensible once (destination options twice). */
#define IPV6_MAX_EXTENSIONS 8

#define IPPROTO_DCCP_NUMBER 33
#define IPPROTO_SCTP_NUMBER 132
#define IPPROTO_UDPLITE_NUMBER 136

/* Where the headers of a packet end so far, and what comes next. */
struct header_walk {
	__u32 offset;
	__u32 end; /* of the IP packet: padding of the frame lies behind it */
	__u32 fragment_id;
	__u16 ether_type;
	__u8 protocol;
	__u8 fragment_protocol; /* what a datagram's id is unique within; 0 for IPv6 */
	__u8 first_fragment;
	__u8 later_fragment; /* the transport header is in another packet */
	__u8 memory_bytes;   /* header bytes that no segment has on the wire */
};

/* Finds the protocol of a frame behind its tags. */
static __always_inline enum parse_result walk_link(struct __sk_buff *skb, struct header_walk *walk, __u32 link_bytes)
{
	walk->offset = link_bytes;
	if (link_bytes == 0) {
		walk->ether_type = skb->protocol;
		return PARSED;
	}
	if (bpf_skb_load_bytes(skb, ETHER_TYPE_OFFSET, &walk->ether_type, sizeof(walk->ether_type)))
		return PARSE_MALFORMED;
	for (int tags = 0; tags < VLAN_MAX_TAGS; tags++) {
		if (walk->ether_type != bpf_htons(ETH_P_8021Q) && walk->ether_type != bpf_htons(ETH_P_8021AD))
			break;
		if (bpf_skb_load_bytes(skb, walk->offset + 2, &walk->ether_type, sizeof(walk->ether_type)))
			return PARSE_MALFORMED;
		walk->offset += VLAN_TAG_BYTES;
	}
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
	for (int i = 0; i < IPV6_MAX_EXTENSIONS; i++) {
		__u8 next = walk->protocol, header[IPV6_EXTENSION_BYTES];
		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_FRAGMENT && next != IPPROTO_AH)
			return PARSED;
		if (bpf_skb_load_bytes(skb, walk->offset, header, sizeof(header)))
			return PARSE_MALFORMED;
		walk->protocol = header[0];
		if (next == IPPROTO_FRAGMENT) {
			walk->offset += IPV6_EXTENSION_BYTES;
			walk->later_fragment = ((header[2] << 8 | header[3]) & IPV6_FRAGMENT_OFFSET) != 0;
			walk->first_fragment = !walk->later_fragment && (header[3] & IPV6_MORE_FRAGMENTS);
			__builtin_memcpy(&walk->fragment_id, &header[4], sizeof(walk->fragment_id));
		} else if (next == IPPROTO_AH) {
			walk->offset += (header[1] + 2) * 4; /* RFC 4302: in words, less two */
		} else {
			walk->offset += (header[1] + 1) * 8;
			/* The kernel's own note on a packet that states no length; segments go without it. */
			if (ip.payload_len == 0 && header[1] == 0 && header[2] == IPV6_OPTION_JUMBO)
				walk->memory_bytes = IPV6_EXTENSION_BYTES;
		}
		if (walk->offset > walk->end)
			return PARSE_MALFORMED;
		if (walk->later_fragment)
			return PARSED;
	}
	return PARSE_MALFORMED;
}

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

/* Fills the packet's size for any result, so that whatever is not counted as a flow is in the ledger. */
static __always_inline enum parse_result parse_slow(struct __sk_buff *skb, __u32 direction, __u32 link_bytes,
						    struct packet *packet)
{
	struct header_walk walk = {};
	__u32 ports = 0;
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
