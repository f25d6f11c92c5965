// SPDX-License-Identifier: Apache-2.0
/*
 * Sends UDP frames of 100 bytes at a steady rate into an interface, each of one of FLOWS flows, chosen uniformly, and
 * prints what really went out as JSON. No host answers them: the destination is nobody's, so the peer counts and drops.
 *
 *   generate INTERFACE FLOWS SECONDS [PACKETS_PER_SECOND]
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define FRAME_BYTES 100
#define DEFAULT_PACKETS_PER_SECOND 100000
#define MAX_FLOWS (1u << 28)
#define MAX_SECONDS 3600
#define MAX_PACKETS_PER_SECOND 10000000
/* What one call sends, and with it the longest burst that a receiver sees. */
#define BATCH 64
#define TICK_NS 1000000
#define NS_PER_SECOND 1000000000ull

#define PORTS_LOG2 14
#define FIRST_PORT 1024
#define FIRST_SOURCE 0x0a000000u /* 10.0.0.0, then one address for each 2^14 flows */
#define DESTINATION 0xc6336407u	 /* 198.51.100.7, of a network that exists in documents only */
#define DESTINATION_PORT 9999

struct frame {
	struct ether_header ethernet;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[FRAME_BYTES - sizeof(struct ether_header) - sizeof(struct iphdr) - sizeof(struct udphdr)];
} __attribute__((packed));
_Static_assert(sizeof(struct frame) == FRAME_BYTES, "frame");

static volatile sig_atomic_t stopped;

static void stop(int signal)
{
	(void)signal;
	stopped = 1;
}

static void fail(const char *what)
{
	fprintf(stderr, "generate: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t number(const char *text, const char *what, uint64_t max)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || value < 1 || value > max) {
		fprintf(stderr, "generate: %s is '%s', not a whole number from 1 to %" PRIu64 "\n", what, text, max);
		exit(2);
	}
	return value;
}

static uint64_t now_ns(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * NS_PER_SECOND + (uint64_t)time.tv_nsec;
}

static void sleep_until(uint64_t wake_ns)
{
	struct timespec time = {(time_t)(wake_ns / NS_PER_SECOND), (long)(wake_ns % NS_PER_SECOND)};
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

/* Packets that the interface was given and did not pass on: sending to a full peer is no error. */
static uint64_t dropped_by(const char *interface)
{
	/* Unlike /sys, /proc/net is always that of the own network namespace. */
	FILE *devices = fopen("/proc/net/dev", "r");
	if (!devices)
		fail("/proc/net/dev");
	char line[512], name[IFNAMSIZ + 1];
	uint64_t dropped = 0;
	while (fgets(line, sizeof(line), devices)) {
		/* name: eight figures of what came in, then bytes, packets, errors and drops of what went out */
		if (sscanf(line, " %16[^:]: %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %" SCNu64, name, &dropped) ==
			2 &&
		    strcmp(name, interface) == 0)
			break;
		dropped = 0;
	}
	fclose(devices);
	return dropped;
}

static int open_interface(const char *name)
{
	/* Protocol 0: the socket sends and never receives. */
	int packet_socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (packet_socket < 0)
		fail("socket AF_PACKET");
	struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(name)};
	if (address.sll_ifindex == 0 || bind(packet_socket, (struct sockaddr *)&address, sizeof(address)) < 0)
		fail(name);
	return packet_socket;
}

static void prepare(struct frame *frame)
{
	*frame = (struct frame){
	    .ethernet =
		{
		    .ether_dhost = {2, 0, 0, 0, 0, 2},
		    .ether_shost = {2, 0, 0, 0, 0, 1},
		    .ether_type = htons(ETHERTYPE_IP),
		},
	    .ip =
		{
		    .version = 4,
		    .ihl = sizeof(struct iphdr) / 4,
		    .tot_len = htons(FRAME_BYTES - sizeof(struct ether_header)),
		    .ttl = 64,
		    .protocol = IPPROTO_UDP,
		    .daddr = htonl(DESTINATION),
		},
	    /* UDP over IPv4 may leave its checksum out. */
	    .udp = {.dest = htons(DESTINATION_PORT), .len = htons(FRAME_BYTES - offsetof(struct frame, udp))},
	};
}

static uint16_t header_checksum(struct iphdr ip)
{
	uint16_t words[sizeof(ip) / 2];
	memcpy(words, &ip, sizeof(words));
	uint32_t sum = 0;
	for (size_t index = 0; index < sizeof(words) / sizeof(words[0]); index++)
		sum += words[index];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* Multiples of 2^32 / golden ratio are spread evenly over the flows however few are taken. */
static void choose_flow(struct frame *frame, uint64_t sequence, uint32_t flows)
{
	uint32_t spread = (uint32_t)sequence * 2654435769u;
	uint32_t flow = (uint32_t)((uint64_t)spread * flows >> 32);
	frame->ip.saddr = htonl(FIRST_SOURCE | flow >> PORTS_LOG2);
	frame->udp.source = htons((uint16_t)(FIRST_PORT + (flow & ((1u << PORTS_LOG2) - 1))));
	frame->ip.check = 0;
	frame->ip.check = header_checksum(frame->ip);
}

/* Returns how many of the batch were taken. */
static unsigned send_batch(int packet_socket, struct mmsghdr *messages, unsigned count)
{
	int taken = sendmmsg(packet_socket, messages, count, 0);
	if (taken >= 0)
		return (unsigned)taken;
	if (errno != EINTR && errno != ENOBUFS && errno != EAGAIN)
		fail("sendmmsg");
	return 0;
}

/* Sends what is due at each tick; a delay is caught up with. Returns the packets taken by the interface. */
static uint64_t generate(int packet_socket, uint32_t flows, uint64_t total, uint64_t packets_per_second)
{
	static struct frame frames[BATCH];
	struct iovec parts[BATCH];
	struct mmsghdr messages[BATCH] = {};
	for (unsigned index = 0; index < BATCH; index++) {
		prepare(&frames[index]);
		parts[index] = (struct iovec){&frames[index], FRAME_BYTES};
		messages[index].msg_hdr = (struct msghdr){.msg_iov = &parts[index], .msg_iovlen = 1};
	}

	uint64_t sent = 0;
	const uint64_t start_ns = now_ns();
	for (uint64_t tick = 1; sent < total && !stopped; tick++) {
		uint64_t due = (now_ns() - start_ns) * packets_per_second / NS_PER_SECOND;
		if (due > total)
			due = total;
		while (sent < due && !stopped) {
			unsigned count = due - sent < BATCH ? (unsigned)(due - sent) : BATCH;
			for (unsigned index = 0; index < count; index++)
				choose_flow(&frames[index], sent + index, flows);
			sent += send_batch(packet_socket, messages, count);
		}
		sleep_until(start_ns + tick * TICK_NS);
	}
	return sent;
}

int main(int argc, char **argv)
{
	if (argc < 4 || argc > 5) {
		fprintf(stderr, "usage: generate INTERFACE FLOWS SECONDS [PACKETS_PER_SECOND]\n");
		return 2;
	}
	const char *interface = argv[1];
	uint32_t flows = (uint32_t)number(argv[2], "FLOWS", MAX_FLOWS);
	uint64_t seconds = number(argv[3], "SECONDS", MAX_SECONDS);
	uint64_t packets_per_second = DEFAULT_PACKETS_PER_SECOND;
	if (argc == 5)
		packets_per_second = number(argv[4], "PACKETS_PER_SECOND", MAX_PACKETS_PER_SECOND);

	struct sigaction action = {.sa_handler = stop};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);

	int packet_socket = open_interface(interface);
	uint64_t dropped_before = dropped_by(interface);
	uint64_t start_ns = now_ns();
	uint64_t taken = generate(packet_socket, flows, seconds * packets_per_second, packets_per_second);
	double elapsed_s = (double)(now_ns() - start_ns) / (double)NS_PER_SECOND;
	uint64_t dropped = dropped_by(interface) - dropped_before;
	uint64_t packets = taken - dropped;
	printf("{\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"dropped\": %" PRIu64 ", \"seconds\": %.3f}\n",
	       packets, packets * FRAME_BYTES, dropped, elapsed_s);
	close(packet_socket);
	return 0;
}
