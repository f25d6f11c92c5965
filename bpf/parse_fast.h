/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * From a frame to its flow, for nearly all frames: Ethernet, IPv4 without options or IPv6 without extension headers,
 * and TCP, UDP, ICMP or ICMPv6, read straight from packet memory. Everything else is left to parse_slow.h. Key words
 * are made in registers: 8-byte loads after narrower stores to the same place stall store forwarding.
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

/* Returns 0 when the frame is not one of these. */
static __always_inline int parse_fast(struct __sk_buff *skb, __u32 direction, struct packet *packet)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	__u64 *words = packet->key.words;
	void *transport;
	__u32 protocol, header_bytes, ports = 0;

	if (data + ETH_HLEN + IPV4_BYTES + UDP_BYTES > end)
		return 0;
	__u16 ether_type = *(__u16 *)(data + ETHER_TYPE_OFFSET);
	if (ether_type == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = data + ETH_HLEN;
		if (*(__u8 *)ip != IPV4_NO_OPTIONS || (ip->frag_off & bpf_htons(IPV4_FRAGMENT_OFFSET)))
			return 0;
		words[0] = 0;
		words[1] = v4_mapped(ip->saddr);
		words[2] = 0;
		words[3] = v4_mapped(ip->daddr);
		protocol = ip->protocol;
		transport = data + ETH_HLEN + IPV4_BYTES;
		header_bytes = ETH_HLEN + IPV4_BYTES;
	} else if (ether_type == bpf_htons(ETH_P_IPV6)) {
		if (data + ETH_HLEN + IPV6_BYTES + UDP_BYTES > end)
			return 0;
		struct ipv6hdr *ip = data + ETH_HLEN;
		if (ip->version != 6)
			return 0;
		__builtin_memcpy(&words[0], &ip->saddr, 16);
		__builtin_memcpy(&words[2], &ip->daddr, 16);
		protocol = ip->nexthdr;
		transport = data + ETH_HLEN + IPV6_BYTES;
		header_bytes = ETH_HLEN + IPV6_BYTES;
	} else {
		return 0;
	}

	if (protocol == IPPROTO_TCP) {
		if (transport + TCP_BYTES > end)
			return 0;
		ports = port_word(transport);
		packet->tcp_flags = *(__u8 *)(transport + TCP_FLAGS_OFFSET);
		header_bytes += (*(__u8 *)(transport + TCP_LENGTH_OFFSET) >> 4) * 4;
	} else {
		packet->tcp_flags = 0;
		if (protocol == IPPROTO_UDP) {
			ports = port_word(transport);
			header_bytes += UDP_BYTES;
		} else if (protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
			ports = *(__u16 *)transport;
			header_bytes += ICMP_BYTES;
		} else {
			return 0;
		}
	}
	words[4] = last_word(ports, protocol, direction, skb->ifindex);
	measure(skb, header_bytes, packet);
	return 1;
}

#endif
