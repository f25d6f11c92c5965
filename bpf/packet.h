/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What one packet tells: its flow, its size on the wire, its TCP flags. */
#ifndef WEIR_PACKET_H
#define WEIR_PACKET_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "flow.h"

/*
 * Before a loop that the program of the packet socket must not have (socket.bpf.c). For a process without CAP_PERFMON
 * the verifier follows branches that are never taken as well, as a processor may run ahead on them: there a loop has no
 * end for it.
 */
#ifdef WITHOUT_PERFMON
#define STRAIGHT_ON _Pragma("clang loop unroll(full)")
#else
#define STRAIGHT_ON
#endif

enum parse_result { PARSED, PARSE_NOT_IP, PARSE_MALFORMED };

struct packet {
	union flow_key key;
	__u64 ends_hash; /* of the addresses in the key */
	__u64 bytes;
	__u64 packets;
	__u32 tcp_flags;
};

/* Where it is kept, so that a packet in registers is copied before its address goes to a function, and no other one. */
enum packet_place { IN_REGISTERS, IN_MEMORY };

/* A tag that the driver or the stack took out of the frame, but that is on the wire. */
#define VLAN_TAG_BYTES 4

/*
 * Bytes on the wire at L2 without FCS, and segments. A GSO packet of n segments carries its headers n times on the
 * wire and once in memory. Some devices (tun, virtio, PACKET_VNET_HDR) set gso_size and leave gso_segs 0.
 * header_bytes: from the start of the frame to the payload of the transport.
 */
static __always_inline void measure(struct __sk_buff *skb, __u32 header_bytes, struct packet *packet)
{
	/* 0 or 1: a condition would cost three instructions more. */
	__u32 vlan_bytes = skb->vlan_present * VLAN_TAG_BYTES;
	__u32 gso_bytes = skb->gso_size;
	__u32 length = skb->len;

	packet->bytes = (__u64)length + vlan_bytes;
	packet->packets = 1;
	if (gso_bytes == 0)
		return;
	__u32 segments = skb->gso_segs;
	if (segments == 0 && length > header_bytes)
		segments = (length - header_bytes + gso_bytes - 1) / gso_bytes;
	if (segments > 1) {
		packet->bytes += (__u64)(segments - 1) * (header_bytes + vlan_bytes);
		packet->packets = segments;
	}
}

#endif
