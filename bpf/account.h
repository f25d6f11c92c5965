/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Adds a packet to its flow: the open-addressing table first, the overflow map when no slot is to be had, the loss
 * counters when that is full too. Nothing is ever removed here. Two CPUs that open the same flow at the same moment
 * make two slots; readers add them up, so no lock, no tombstone and no rehash is needed, and the mask can grow while
 * packets are counted.
 */
#ifndef WEIR_ACCOUNT_H
#define WEIR_ACCOUNT_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "ledger.h"
#include "maps.h"
#include "packet.h"

#define READ_ONCE(place) (*(volatile __typeof__(place) *)&(place))

/*
 * Two numbers that lie side by side, as one: what is done to them at one stroke. Programs that do without 32-bit
 * instructions have no atomic ones of that width either.
 */
#define word_at(first) ((__u64 *)(first))

static __always_inline __u64 word_of(__u32 first, __u32 second)
{
	return first | (__u64)second << 32;
}

/* Flags that change who or what a flow is; others are noted once an epoch. */
#define TCP_FLAGS_NOTED (TCP_FLAG_FIN | TCP_FLAG_SYN | TCP_FLAG_RST)

static __always_inline __u32 signals_of(__u32 tcp_flags)
{
	__u32 signals = tcp_flags;

	if (tcp_flags & TCP_FLAG_SYN)
		signals |= tcp_flags & TCP_FLAG_ACK ? SIGNAL_SYN_ACK_SENT : SIGNAL_SYN_SENT;
	return signals;
}

/*
 * The slot, in such a way that its key is read after its state. x86 keeps loads in order; on other machines the
 * address is made to depend on the state, which orders the loads without a barrier.
 */
static __always_inline struct flow_slot *after_state(struct flow_slot *slot, __u32 state)
{
#if defined(__TARGET_ARCH_x86)
	(void)state;
	return slot;
#else
	__u64 zero = state;

	asm volatile("%0 &= 0" : "+r"(zero));
	return (void *)slot + zero;
#endif
}

/*
 * Counts a new slot and doubles the table when more than half of it is taken. Where the epoch changes at that moment,
 * the next new slot does it.
 */
static __always_inline void note_new_slot(__u32 mask, __u32 epoch)
{
	__u32 used = __sync_fetch_and_add(word_at(&control.used), 1) + 1;

	if (used > mask / 2 && mask < settings.max_mask)
		__sync_val_compare_and_swap(word_at(&control.epoch), word_of(epoch, mask),
					    word_of(epoch, mask * 2 + 1));
}

/* For the flow alone, if it is free; with the epoch that it had. */
static __always_inline int claim(struct flow_slot *slot)
{
	__u64 *word = word_at(&slot->state), free = READ_ONCE(*word);

	return (__u32)free == SLOT_FREE && __sync_val_compare_and_swap(word, free, free | SLOT_CLAIMED) == free;
}

static __always_inline void add_signals(struct flow_cold *cold, __u32 tcp_flags)
{
	__sync_fetch_and_or(word_at(&cold->ifindex), word_of(0, signals_of(tcp_flags)));
}

/* Makes a claimed slot the flow's. The state is written last, so whoever sees READY sees the key. */
static __always_inline void open_slot(struct __sk_buff *skb, struct flow_slot *slot, __u32 index,
				      const struct packet *packet, __u32 epoch, __u32 mask)
{
	struct flow_cold *cold = bpf_map_lookup_elem(&flow_cold, &index);

	/* Else clang may keep the address of ifindex from an earlier read, and the verifier wants that of skb itself.
	 */
	asm volatile("" : "+r"(skb));
	for (int i = 0; i < 5; i++)
		slot->key.words[i] = packet->key.words[i];
	if (cold) {
		cold->first_ns = bpf_ktime_get_ns();
		cold->ifindex = device_index(skb->ifindex);
		cold->signals = signals_of(packet->tcp_flags);
	}
	__sync_lock_test_and_set(word_at(&slot->state), word_of(SLOT_READY, epoch));
	note_new_slot(mask, epoch);
}

/* Returns 0 when the map is full. */
static __always_inline int add_overflow(void *map, __u32 *used, const struct packet *packet)
{
	struct flow_amount first = {.bytes = packet->bytes, .packets = packet->packets};

	for (int attempt = 0; attempt < 2; attempt++) {
		struct flow_amount *amount = bpf_map_lookup_elem(map, &packet->key);
		if (amount) {
			__sync_fetch_and_add(&amount->bytes, packet->bytes);
			__sync_fetch_and_add(&amount->packets, packet->packets);
			return 1;
		}
		/* Another CPU may have been faster: then it is there to be found. */
		if (bpf_map_update_elem(map, &packet->key, &first, BPF_NOEXIST) == 0) {
			__sync_fetch_and_add(used, 1);
			return 1;
		}
	}
	return 0;
}

static __always_inline int add_to_overflow(const struct packet *packet)
{
	return READ_ONCE(control.overflow_generation) & 1
		   ? add_overflow(&overflow_1, &control.overflow_used[1], packet)
		   : add_overflow(&overflow_0, &control.overflow_used[0], packet);
}

static __noinline int account_overflow(struct __sk_buff *skb, const struct packet *packet)
{
	if (!add_to_overflow(packet))
		note(skb, packet, LOST_TABLE_FULL);
	return 0;
}

enum slot_found { SLOT_OF_ANOTHER, SLOT_OF_FLOW, SLOT_CLAIMED_NOW, NO_SLOT };

static __always_inline enum slot_found look_at(struct flow_slot *slot, const __u64 *words)
{
	__u32 state = READ_ONCE(slot->state);

	if (state == SLOT_READY)
		return same_key(after_state(slot, state)->key.words, words) ? SLOT_OF_FLOW : SLOT_OF_ANOTHER;
	return state == SLOT_FREE && claim(slot) ? SLOT_CLAIMED_NOW : SLOT_OF_ANOTHER;
}

#ifdef WITHOUT_PERFMON
/* Not inline: what stands there sixteen times must be short, since a socket takes no program of more than 20 KB. */
__noinline int look_at_index(const struct packet *packet, __u32 index)
{
	struct flow_slot *slot = bpf_map_lookup_elem(&flow_slots, &index);

	return packet && slot ? look_at(slot, packet->key.words) : NO_SLOT;
}
#endif

static __always_inline void account(struct __sk_buff *skb, const struct packet *packet, enum packet_place kept)
{
	const __u64 *words = packet->key.words;
	__u32 mask = READ_ONCE(control.mask), epoch = READ_ONCE(control.epoch);
	__u64 hash = flow_hash_from_ends(packet->ends_hash, words);
	__u32 place = flow_place(hash, 0), index;
	struct flow_slot *slot;

	STRAIGHT_ON
	for (__u32 probe = 1; probe <= 2 * PROBE_WINDOW; probe++) {
		index = place & mask;
#ifdef WITHOUT_PERFMON
		enum slot_found found = look_at_index(packet, index);
#else
		slot = bpf_map_lookup_elem(&flow_slots, &index);
		enum slot_found found = slot ? look_at(slot, words) : NO_SLOT;
#endif
		if (found == SLOT_OF_FLOW)
			goto opened;
		if (found == SLOT_CLAIMED_NOW)
			goto claimed;
		if (found == NO_SLOT)
			break;
		place = probe == PROBE_WINDOW ? flow_place(hash, probe) : place + 1;
	}
	if (kept == IN_REGISTERS) {
		struct packet copy = *packet;
		account_overflow(skb, &copy);
	} else {
		account_overflow(skb, packet);
	}
	return;

claimed:
#ifdef WITHOUT_PERFMON
	slot = bpf_map_lookup_elem(&flow_slots, &index);
	if (!slot)
		return;
#endif
	open_slot(skb, slot, index, packet, epoch, mask);
opened:
#ifdef WITHOUT_PERFMON
	slot = bpf_map_lookup_elem(&flow_slots, &index);
	if (!slot)
		return;
#endif
	__sync_fetch_and_add(&slot->bytes, packet->bytes);
	__sync_fetch_and_add(&slot->packets, packet->packets);
	if (slot->epoch != epoch || packet->tcp_flags & TCP_FLAGS_NOTED) {
		struct flow_cold *cold = bpf_map_lookup_elem(&flow_cold, &index);
		slot->epoch = epoch;
		if (cold)
			add_signals(cold, packet->tcp_flags);
	}
}

#endif
