/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Which flow the later fragments of a datagram belong to: only the first one carries the transport's header. The table
 * is an LRU, which flows must never be: it decides whose a fragment is, not whether it is counted. A fragment whose
 * first one is not known (it came later, by another device, or was pushed out) is counted with ports 0.
 */
#ifndef WEIR_FRAGMENTS_H
#define WEIR_FRAGMENTS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "headers.h"
#include "packet.h"

#define FRAGMENTED_DATAGRAMS 4096

/* Fragments leave one after the other; a sender that writes 65,536 datagrams in less time would use their ids again. */
#define FRAGMENT_LIFETIME_NS 2000000000ull

struct fragment_owner {
	__u64 first_ns; /* CLOCK_MONOTONIC of the first fragment */
	__u32 ports;
	__u32 protocol;
};

/* The key is a flow's, with the datagram's id in place of the ports. IPv6 ids count for all protocols: there it is 0.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, FRAGMENTED_DATAGRAMS);
	__type(key, union flow_key);
	__type(value, struct fragment_owner);
} fragments SEC(".maps");

static __always_inline void remember_fragments(const union flow_key *datagram, __u32 ports, __u32 protocol)
{
	struct fragment_owner owner = {.first_ns = bpf_ktime_get_ns(), .ports = ports, .protocol = protocol};

	/* Should it fail, its fragments are among those whose first one is not known. */
	bpf_map_update_elem(&fragments, datagram, &owner, BPF_ANY);
}

static __always_inline struct fragment_owner *find_fragment_owner(const union flow_key *datagram)
{
	struct fragment_owner *owner = bpf_map_lookup_elem(&fragments, datagram);

	return owner && bpf_ktime_get_ns() - owner->first_ns < FRAGMENT_LIFETIME_NS ? owner : 0;
}

#endif
