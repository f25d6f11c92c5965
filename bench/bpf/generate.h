/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * Gives each run of a program under BPF_PROG_TEST_RUN a packet of another flow, by writing a source address and port
 * into the one packet that the kernel runs it over: Ethernet, IPv4 without options, then TCP or UDP. Checksums stay.
 */
#ifndef WEIR_GENERATE_H
#define WEIR_GENERATE_H

#include <linux/bpf.h>
#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define GENERATE_CPUS 256
#define GENERATE_PORTS_LOG2 14
#define GENERATE_FIRST_PORT 1024
#define GENERATE_FIRST_ADDRESS 0x0a000000u /* 10.0.0.0, then one address for each 2^14 flows */
#define GENERATE_ADDRESSES_AT 26	   /* source, destination */
#define GENERATE_PORTS_AT 34

/* A section of its own, so that user space can write it while programs run and touch nothing else. */
volatile __u32 flow_count SEC(".data.generate") = 1;

/* One cache line for each CPU. */
struct generate_sequence {
	__u64 next;
	__u64 padding[7];
};
struct generate_sequence generate_sequences[GENERATE_CPUS] = {};

/*
 * Picks a flow uniformly from flow_count: multiples of 2^32 / golden ratio are spread evenly however few are taken,
 * and neighbours lie far apart. Each CPU starts elsewhere. Returns 0, or -1 when the packet is too short.
 */
static __always_inline int generate(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	if (data + GENERATE_PORTS_AT + 4 > end)
		return -1;

	__u32 cpu = bpf_get_smp_processor_id() & (GENERATE_CPUS - 1);
	__u32 spread = ((__u32)generate_sequences[cpu].next++ + cpu * 0x85ebca6bu) * 2654435769u;
	__u32 flow = ((__u64)spread * flow_count) >> 32;

	/*
	 * Both addresses and both ports are stored as one word each: a parser that then loads eight, four or two bytes
	 * gets them from the store buffer, where a load wider than the last store would have to wait for the cache.
	 */
	__u64 *addresses = data + GENERATE_ADDRESSES_AT;
	__u32 *ports = data + GENERATE_PORTS_AT;
	__u32 source = bpf_htonl(GENERATE_FIRST_ADDRESS | (flow >> GENERATE_PORTS_LOG2));
	__u16 source_port = bpf_htons(GENERATE_FIRST_PORT + (flow & ((1u << GENERATE_PORTS_LOG2) - 1)));
	*addresses = (*addresses & 0xffffffff00000000ull) | source;
	*ports = (*ports & 0xffff0000u) | source_port;
	return 0;
}

#endif
