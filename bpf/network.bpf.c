// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* The programs that hang on interfaces. They observe only: what comes after them decides about the packet. */

#include "count.h"

#define NEXT_PROGRAM (-1) /* TCX_NEXT, and TC_ACT_UNSPEC of clsact */

SEC("tc")
int network_ingress(struct __sk_buff *skb)
{
	count(skb, FLOW_INGRESS);
	return NEXT_PROGRAM;
}

SEC("tc")
int network_egress(struct __sk_buff *skb)
{
	count(skb, FLOW_EGRESS);
	return NEXT_PROGRAM;
}

/* For devices whose frames start at the IP header: tun, wireguard, ipip and the like. */
SEC("tc")
int network_ingress_l3(struct __sk_buff *skb)
{
	count_frame(skb, FLOW_INGRESS, 0);
	return NEXT_PROGRAM;
}

SEC("tc")
int network_egress_l3(struct __sk_buff *skb)
{
	count_frame(skb, FLOW_EGRESS, 0);
	return NEXT_PROGRAM;
}

/* The kernel knows only the first of the two licences. */
char program_license[] SEC("license") = "GPL";
