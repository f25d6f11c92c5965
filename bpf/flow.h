/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What kernel and user space share: the layout of the tables, and the meaning of every number in them.
 * Included by the BPF programs and by native/; the sizes are asserted on both sides.
 */
#ifndef WEIR_FLOW_H
#define WEIR_FLOW_H

#include <linux/types.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the last word of a flow key is built for little-endian machines"
#endif

#ifdef __cplusplus
#define FLOW_ASSERT static_assert
#else
#define FLOW_ASSERT _Static_assert
#endif

/*
 * Counts up when numbers in the maps get another meaning and no size tells it: tables that outlive a process are taken
 * over only by one with the same number.
 */
#define FLOW_LAYOUT 1

enum flow_direction { FLOW_INGRESS = 0, FLOW_EGRESS = 1 };
/* Beside it, in keys of the overflow maps: counted on entry, and then forwarded into a tunnel. */
#define FLOW_INTO_TUNNEL 2

/* A flow of one direction. IPv4 addresses are v6-mapped, ports in network byte order. */
union flow_key {
	struct {
		__u8 src[16];
		__u8 dst[16];
		__be16 src_port; /* ICMP and ICMPv6: type, then code */
		__be16 dst_port;
		__u8 transport; /* IP protocol number */
		__u8 direction; /* enum flow_direction, of the interface */
		__u16 iface;	/* lower 16 bits of the interface index */
	};
	__u64 words[5]; /* the programs build, hash and compare whole words */
};
FLOW_ASSERT(sizeof(union flow_key) == 40, "flow key");

/*
 *   FREE --claim--> CLAIMED --key written--> READY --idle--> DEAD --after a grace period--> FREE
 *        program             program               user space      user space
 *
 * On its way from DEAD to FREE a slot is EMPTIED for a moment, so that a process which goes on after a kill knows
 * whether its counters were set back. Programs count into READY slots only. The key of a slot is stable while its state
 * is READY or DEAD, so it is read after the state; a key that was read before may belong to the flow that had the slot
 * earlier.
 */
enum slot_state { SLOT_FREE = 0, SLOT_CLAIMED = 1, SLOT_READY = 2, SLOT_DEAD = 3, SLOT_EMPTIED = 4 };

/* One cache line. bytes and packets only grow until the slot is freed. */
struct flow_slot {
	union flow_key key;
	__u32 state;
	__u32 epoch; /* epoch of the last packet */
	__u64 bytes;
	__u64 packets;
};
FLOW_ASSERT(sizeof(struct flow_slot) == 64, "flow slot");

/* signals of a flow: the lower byte is the TCP flags seen, or-ed; these tell who opened the connection. */
#define SIGNAL_SYN_SENT 0x100u	   /* the source sent a SYN: it is the initiator */
#define SIGNAL_SYN_ACK_SENT 0x200u /* the source answered a SYN: the destination is the initiator */

#define TCP_FLAG_FIN 0x01u
#define TCP_FLAG_SYN 0x02u
#define TCP_FLAG_RST 0x04u
#define TCP_FLAG_ACK 0x10u

/* What a packet of a known flow does not need; same index as the slot. */
struct flow_cold {
	__u64 first_ns; /* CLOCK_MONOTONIC of the first packet */
	__u32 ifindex;
	__u32 signals;
};
FLOW_ASSERT(sizeof(struct flow_cold) == 16, "flow cold");

struct flow_amount {
	__u64 bytes;
	__u64 packets;
};

/* Why bytes are in the ledger instead of the table. FILTERED is on purpose, LOST is not. */
enum ledger_reason {
	FILTERED_PROTOCOL,
	FILTERED_NOT_IP,
	FILTERED_COUNTED_ELSEWHERE,
	FILTERED_DIRECTION,
	SAMPLED_OUT,
	LOST_TABLE_FULL,
	LOST_MALFORMED,
	LEDGER_REASONS
};

/* One row an interface and direction, at index row * 2 + direction. */
struct ledger_row {
	struct flow_amount amounts[LEDGER_REASONS];
};

/* Interfaces that can be attached at a time; row 0 takes what arrives from one that is not in the device table. */
#define LEDGER_INTERFACES 4096

/* Indexed by iface. Devices that share the lower 16 bits of their index are told apart by the whole index. */
struct device {
	__u32 ifindex; /* as device_index() makes it */
	__u16 ledger_row;
	__u8 covered; /* 1: what comes in here is counted, so that its forwarding is not */
	__u8 counted; /* bit per enum flow_direction; read by the packet socket's program, which sees every device */
};
#define DEVICE_COUNTED 3
#define DEVICE_STARTS_AT_IP 4 /* also in `counted` */
#define DEVICE_TUNNEL 8	      /* also there */
FLOW_ASSERT(sizeof(struct device) == 8, "device");
#define DEVICE_SLOTS 65536

/* Flows that fit nowhere in the table. Two generations, so that one can be emptied while nobody writes to it. */
#define OVERFLOW_FLOWS 16384

/* What follows the UDP header at a port that carries a tunnel. */
#define CARRYING_PORTS 256
enum carrying_framing { CARRYING_VXLAN, CARRYING_GENEVE, CARRYING_IP, CARRYING_GUE };

/* Set before load, constant afterwards. */
struct flow_settings {
	__u32 max_mask;		   /* slots of the table less one */
	__u32 selects;		   /* 0: every packet of a flow is counted, and the next two are not read */
	__u64 protocols[4];	   /* bit per IP protocol number that is counted */
	__u32 sampling;		   /* one packet in this many is counted; 1: all */
	__u32 follow_into_tunnels; /* 1: what is forwarded into a tunnel is put down by flow */
	__u32 index_base; /* see device_index() in maps.h; 0 for the programs of the agent's own network namespace */
	__u32 padding;
};

/* Shared while running. The first line is read for each packet, the second written for each new flow. */
struct flow_control {
	__u32 epoch;		   /* user space counts it up with each read */
	__u32 mask;		   /* slots in use less one; the program doubles it */
	__u32 overflow_generation; /* 0 or 1: where programs put overflow; user space flips it */
	__u32 padding[13];
	__u32 used;		/* slots not FREE */
	__u32 overflow_used[2]; /* entries made, by generation */
	__u32 padding_used[13];
};
FLOW_ASSERT(sizeof(struct flow_control) == 128, "flow control");

/* A flow is looked for in two windows of this many slots. */
#define PROBE_WINDOW 8

#define FLOW_INLINE static inline __attribute__((always_inline))

/* Multiply and fold, a word pair at a time (the constants are those of MurmurHash3's finaliser and its kin). */
FLOW_INLINE __u64 flow_ends_hash(const __u64 *words)
{
	__u64 hash = (words[1] ^ words[0] * 0xd6e8feb86659fd93ull) * 0x9e3779b97f4a7c15ull;

	hash ^= hash >> 32;
	hash = (hash ^ words[3] ^ words[2] * 0xa0761d6478bd642full) * 0xff51afd7ed558ccdull;
	return hash ^ hash >> 32;
}

FLOW_INLINE __u64 flow_hash_from_ends(__u64 ends_hash, const __u64 *words)
{
	__u64 hash = (ends_hash ^ words[4]) * 0xc4ceb9fe1a85ec53ull;

	return hash ^ hash >> 29;
}

FLOW_INLINE __u64 flow_hash(const __u64 *words)
{
	return flow_hash_from_ends(flow_ends_hash(words), words);
}

/* Which slot is looked at as the probe-th, of 2 * PROBE_WINDOW: this, with the mask over it. */
FLOW_INLINE __u32 flow_place(__u64 hash, __u32 probe)
{
	return (__u32)(probe < PROBE_WINDOW ? hash >> 7 : hash >> 39) + probe;
}

FLOW_INLINE int same_key(const __u64 *left, const __u64 *right)
{
	return left[0] == right[0] && left[1] == right[1] && left[2] == right[2] && left[3] == right[3] &&
	       left[4] == right[4];
}

#endif
