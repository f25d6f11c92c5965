/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What is not in the flow table, by interface, direction and reason; and whose packets are counted on entry. */
#ifndef WEIR_LEDGER_H
#define WEIR_LEDGER_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "maps.h"
#include "packet.h"

/* The device with this index, or none: another device may have the same lower 16 bits. */
static __always_inline struct device *find_device(__u32 ifindex)
{
	__u32 index = ifindex & (DEVICE_SLOTS - 1);
	struct device *device = bpf_map_lookup_elem(&devices, &index);

	return device && device->ifindex == ifindex ? device : 0;
}

static __always_inline void note(struct __sk_buff *skb, const struct packet *packet, enum ledger_reason reason)
{
	struct device *device = find_device(skb->ifindex);
	__u32 index = (device ? device->ledger_row * 2 : 0) + packet->key.direction;
	struct ledger_row *row = bpf_map_lookup_elem(&ledger, &index);

	if (!row)
		return;
	__sync_fetch_and_add(&row->amounts[reason].bytes, packet->bytes);
	__sync_fetch_and_add(&row->amounts[reason].packets, packet->packets);
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
