/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What is not in the flow table, by interface, direction and reason; and whose packets are counted on entry. */
#ifndef WEIR_LEDGER_H
#define WEIR_LEDGER_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "maps.h"
#include "packet.h"

/* The device with this index in its namespace, or none: another device may have the same lower 16 bits. */
static __always_inline struct device *find_device(__u32 own_index)
{
	__u32 ifindex = device_index(own_index);
	__u32 index = ifindex & (DEVICE_SLOTS - 1);
	struct device *device = bpf_map_lookup_elem(&devices, &index);

	return device && device->ifindex == ifindex ? device : 0;
}

/*
 * A function that is verified once, for any reason: where several constants meet at one place, the verifier refuses the
 * sum of pointer and offset to a process without CAP_PERFMON. Its arguments are whole registers, so that nothing is
 * done to the reason between its comparison and its use.
 */
__noinline int note_amount(struct __sk_buff *skb, __u64 direction, __u64 reason, __u64 bytes, __u64 packets)
{
	struct device *device = find_device(skb->ifindex);
	__u32 index = (device ? device->ledger_row * 2 : 0) + direction;
	struct ledger_row *row = bpf_map_lookup_elem(&ledger, &index);

	if (!row || reason >= LEDGER_REASONS)
		return 0;
	__sync_fetch_and_add(&row->amounts[reason].bytes, bytes);
	__sync_fetch_and_add(&row->amounts[reason].packets, packets);
	return 0;
}

static __always_inline void note(struct __sk_buff *skb, const struct packet *packet, enum ledger_reason reason)
{
	note_amount(skb, packet->key.direction, reason, packet->bytes, packet->packets);
}

/*
 * A packet that leaves is counted here unless it came in through a covered device, where it was counted already.
 * What was born on this node came in nowhere (ingress_ifindex 0).
 */
static __always_inline int counted_on_entry(struct __sk_buff *skb)
{
	__u32 ingress_ifindex = skb->ingress_ifindex;

	if (ingress_ifindex == 0)
		return 0;
	struct device *device = find_device(ingress_ifindex);
	return device && device->covered;
}

#endif
