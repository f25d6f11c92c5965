/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* The maps and shared variables of the flow table. Sizes that depend on the configuration are set before load. */
#ifndef WEIR_MAPS_H
#define WEIR_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "flow.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 262144);
	__type(key, __u32);
	__type(value, struct flow_slot);
} flow_slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 262144);
	__type(key, __u32);
	__type(value, struct flow_cold);
} flow_cold SEC(".maps");

struct overflow_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, OVERFLOW_FLOWS);
	__type(key, union flow_key);
	__type(value, struct flow_amount);
};
struct overflow_map overflow_0 SEC(".maps");
struct overflow_map overflow_1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LEDGER_INTERFACES * 2);
	__type(key, __u32);
	__type(value, struct ledger_row);
} ledger SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, DEVICE_SLOTS);
	__type(key, __u32);
	__type(value, struct device);
} devices SEC(".maps");

const volatile struct flow_settings settings SEC(".rodata.settings") = {};
struct flow_control control SEC(".data.control") = {};

/*
 * Interface indexes of several network namespaces in one set of maps: the programs are loaded once for each namespace,
 * and those of a named one (namespace.bpf.c) add a constant, so that no two devices have the same.
 */
static __always_inline __u32 device_index(__u32 ifindex)
{
#ifdef NAMED_NAMESPACE
	return ifindex + settings.index_base;
#else
	return ifindex;
#endif
}

#endif
