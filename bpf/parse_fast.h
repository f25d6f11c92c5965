/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * From a frame to its flow, for nearly all frames: IPv4 without options or fragments, or IPv6 without extension
 * headers, and TCP, UDP, ICMP or ICMPv6, read straight from packet memory. Everything else, and whatever does not fit
 * the lengths that it states, is left to parse_slow.h. Key words are made in registers: 8-byte loads after narrower
 * stores to the same place stall store forwarding.
 */
#ifndef WEIR_PARSE_FAST_H
#define WEIR_PARSE_FAST_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "headers.h"
#include "packet.h"

/*
 * Returns 0 when the frame is not one of these. link_bytes is a constant wherever this is called: ETH_HLEN, or 0 for
 * devices whose frames start at the IP header.
 */
static __always_inline int parse_fast(struct __sk_buff *skb, __u32 direction, __u32 link_bytes, struct packet *packet)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	__u64 *words = packet->key.words;
	void *transport;
	__u32 protocol, header_bytes, ip_end, ports = 0;

	if (data + link_bytes + IPV4_BYTES + UDP_BYTES > end)
		return 0;
	__u16 ether_type = link_bytes ? *(__u16 *)(data + ETHER_TYPE_OFFSET) : skb->protocol;
	if (ether_type == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data + link_bytes;
		if (*(__u8 *)ip != IPV4_NO_OPTIONS ||
		    (ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET | IPV4_MORE_FRAGMENTS)))
			return 0;
		words[0] = 0;
		words[1] = v4_mapped(ip->saddr);
		words[2] = 0;
		words[3] = v4_mapped(ip->daddr);
		/* Here, where half of the words are known to be 0. */
		packet->ends_hash = flow_ends_hash(words);
		protocol = ip->protocol;
		transport = data + link_bytes + IPV4_BYTES;
		header_bytes = link_bytes + IPV4_BYTES;
		ip_end = link_bytes + bpf_ntohs(ip->tot_len);
	} else if (ether_type == bpf_htons(ETH_P_IPV6)) {
		if (data + link_bytes + IPV6_BYTES + UDP_BYTES > end)
			return 0;
		struct ipv6hdr *ip = data + link_bytes;
		if (ip->version != 6)
			return 0;
		__builtin_memcpy(&words[0], &ip->saddr, 16);
		__builtin_memcpy(&words[2], &ip->daddr, 16);
		packet->ends_hash = flow_ends_hash(words);
		protocol = ip->nexthdr;
		transport = data + link_bytes + IPV6_BYTES;
		header_bytes = link_bytes + IPV6_BYTES;
		ip_end = header_bytes + bpf_ntohs(ip->payload_len);
	} else {
		return 0;
	}

	if (protocol == IPPROTO_TCP) {
		if (transport + TCP_BYTES > end)
			return 0;
		ports = port_word(transport);
		packet->tcp_flags = *(__u8 *)(transport + TCP_FLAGS_OFFSET);
		__u32 tcp_bytes = (*(__u8 *)(transport + TCP_LENGTH_OFFSET) >> 4) * 4;
		if (tcp_bytes < TCP_BYTES)
			return 0;
		header_bytes += tcp_bytes;
	} else {
		packet->tcp_flags = 0;
		if (protocol == IPPROTO_UDP) {
			/* It may carry a tunnel, whose headers count as well. */
			if (skb->gso_size)
				return 0;
			__u32 udp_bytes = bpf_ntohs(*(__be16 *)(transport + UDP_LENGTH_OFFSET));
			if (udp_bytes < UDP_BYTES || header_bytes + udp_bytes > ip_end)
				return 0;
			ports = port_word(transport);
			header_bytes += UDP_BYTES;
		} else if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
			ports = *(__u16 *)transport;
			header_bytes += ICMP_BYTES;
		} else {
			return 0;
		}
	}
	if (header_bytes > ip_end || ip_end > skb->len)
		return 0;
	words[4] = last_word(ports, protocol, direction, device_index(skb->ifindex));
	measure(skb, header_bytes, packet);
	return 1;
}

#endif
