/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Sizes and places in the headers that both parsers read, and the words of a key that they make from them. */
#ifndef WEIR_HEADERS_H
#define WEIR_HEADERS_H

#include <linux/types.h>

#define ETHER_TYPE_OFFSET 12
#define IPV4_BYTES 20
#define IPV4_NO_OPTIONS 0x45 /* version 4, header of 5 words */
#define IPV4_FRAGMENT_OFFSET 0x1fff
#define IPV4_MORE_FRAGMENTS 0x2000
#define IPV6_BYTES 40
#define IPV6_FRAGMENT_OFFSET 0xfff8
#define IPV6_MORE_FRAGMENTS 1
#define IPV6_EXTENSION_BYTES 8 /* the least that any of them has */
#define IPV6_OPTION_JUMBO 0xc2
#define TCP_BYTES 20
#define TCP_LENGTH_OFFSET 12
#define TCP_FLAGS_OFFSET 13
#define UDP_BYTES 8
#define UDP_LENGTH_OFFSET 4
#define ICMP_BYTES 8
#define SCTP_BYTES 12
#define DCCP_BYTES 12
#define VLAN_MAX_TAGS 2 /* in the frame; one more may be beside it */

static __always_inline __u64 v4_mapped(__be32 address)
{
	return (__u64)address << 32 | 0xffff0000u;
}

/* Both ports of TCP, UDP and their kin, source in the lower half, as they stand in the packet. */
static __always_inline __u32 port_word(const void *transport)
{
	return *(const __u16 *)transport | (__u32) * (const __u16 *)(transport + 2) << 16;
}

static __always_inline __u64 last_word(__u32 ports, __u32 protocol, __u32 direction, __u32 ifindex)
{
	return (__u64)ports | (__u64)protocol << 32 | (__u64)direction << 40 | (__u64)ifindex << 48;
}

#endif
