/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * How long the headers are of a large packet that carries a tunnel: its segments repeat what stands outside and what
 * stands inside. Only packets with segments are looked into, and only for their size.
 */
#ifndef WEIR_CARRIED_H
#define WEIR_CARRIED_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include "headers.h"

/* Which UDP ports carry what; user space keeps it. A tunnel beyond this many is measured as plain UDP is. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, CARRYING_PORTS);
	__type(key, __u32); /* destination port, host byte order */
	__type(value, __u32);
} carrying_ports SEC(".maps");

#define VXLAN_BYTES 8
#define VXLAN_NEXT_PROTOCOL 0x04 /* flag of VXLAN-GPE */
#define VXLAN_NEXT_ETHERNET 3
#define GENEVE_BYTES 8
#define GRE_BYTES 4
#define GRE_CHECKSUM 0x80
#define GRE_KEY 0x20
#define GRE_SEQUENCE 0x10
#define GRE_VERSION 0x07 /* in the second byte; other ones are built otherwise */
#define GUE_BYTES 4

/* What is inside, by the protocol that the tunnel's header names; 0 when it is none of these. */
enum carried_start { CARRIED_UNKNOWN, CARRIED_ETHERNET, CARRIED_IP };

static __always_inline enum carried_start carried_start_of(__be16 ether_type)
{
	if (ether_type == bpf_htons(ETH_P_TEB))
		return CARRIED_ETHERNET;
	return ether_type == bpf_htons(ETH_P_IP) || ether_type == bpf_htons(ETH_P_IPV6) ? CARRIED_IP : CARRIED_UNKNOWN;
}

/* Moves over the header of a tunnel over UDP. */
static __always_inline enum carried_start skip_over_udp(struct __sk_buff *skb, __u32 *offset, __u32 port)
{
	__u8 header[VXLAN_BYTES];
	__u32 *framing = bpf_map_lookup_elem(&carrying_ports, &port);

	if (!framing)
		return CARRIED_UNKNOWN;
	if (*framing == CARRYING_IP)
		return CARRIED_IP;
	if (bpf_skb_load_bytes(skb, *offset, header, sizeof(header)))
		return CARRIED_UNKNOWN;
	if (*framing == CARRYING_GUE) {
		*offset += GUE_BYTES + (header[0] & 0x1f) * 4;
		return header[1] == IPPROTO_IPIP || header[1] == IPPROTO_IPV6 ? CARRIED_IP : CARRIED_UNKNOWN;
	}
	if (*framing == CARRYING_GENEVE) {
		*offset += GENEVE_BYTES + (header[0] & 0x3f) * 4;
		return carried_start_of(*(__be16 *)&header[2]);
	}
	*offset += VXLAN_BYTES;
	return header[0] & VXLAN_NEXT_PROTOCOL && header[3] != VXLAN_NEXT_ETHERNET ? CARRIED_IP : CARRIED_ETHERNET;
}

static __always_inline enum carried_start skip_gre(struct __sk_buff *skb, __u32 *offset)
{
	__u8 header[GRE_BYTES];

	if (bpf_skb_load_bytes(skb, *offset, header, sizeof(header)) || header[1] & GRE_VERSION)
		return CARRIED_UNKNOWN;
	*offset += GRE_BYTES;
	if (header[0] & GRE_CHECKSUM)
		*offset += 4;
	if (header[0] & GRE_KEY)
		*offset += 4;
	if (header[0] & GRE_SEQUENCE)
		*offset += 4;
	return carried_start_of(*(__be16 *)&header[2]);
}

/* Moves over the headers of what is carried, to the payload of its transport. Returns 0 where they make no sense. */
static __always_inline int skip_carried_ip(struct __sk_buff *skb, __u32 *offset)
{
	__u8 header[IPV4_BYTES], protocol;

	if (bpf_skb_load_bytes(skb, *offset, header, sizeof(header)))
		return 0;
	if (header[0] >> 4 == 4) {
		protocol = header[9];
		*offset += (header[0] & 0xf) * 4;
	} else if (header[0] >> 4 == 6) {
		protocol = header[6];
		*offset += IPV6_BYTES;
	} else {
		return 0;
	}
	if (protocol == IPPROTO_UDP) {
		*offset += UDP_BYTES;
		return 1;
	}
	if (protocol != IPPROTO_TCP || bpf_skb_load_bytes(skb, *offset + TCP_LENGTH_OFFSET, header, 1))
		return 0;
	*offset += (header[0] >> 4) * 4;
	return 1;
}

/*
 * Where the headers end that each segment repeats. offset: the end of those of the packet itself; the result, too,
 * where it carries nothing that is known. ports: as in the key.
 */
static __noinline __u32 carried_headers(struct __sk_buff *skb, __u32 offset, __u32 protocol, __u32 ports)
{
	enum carried_start start = CARRIED_UNKNOWN;
	__u32 inside = offset;

	if (skb->gso_size == 0)
		return offset;
	if (protocol == IPPROTO_UDP)
		start = skip_over_udp(skb, &inside, bpf_ntohs(ports >> 16));
	else if (protocol == IPPROTO_GRE)
		start = skip_gre(skb, &inside);
	else if (protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6)
		start = CARRIED_IP;
	if (start == CARRIED_UNKNOWN)
		return offset;
	if (start == CARRIED_ETHERNET)
		inside += ETH_HLEN;
	return skip_carried_ip(skb, &inside) && inside <= skb->len ? inside : offset;
}

#endif
