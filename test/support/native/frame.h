// SPDX-License-Identifier: Apache-2.0
// Sends raw frames out of an interface.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace test_support
{

struct FrameOrder {
	std::string network_namespace; // empty: the calling thread's
	std::string interface;
	std::vector<uint8_t> frame;
	uint32_t count;
	std::vector<uint8_t> header; // struct virtio_net_hdr, which asks for segmentation; empty: none
};

void send_frame(const FrameOrder &order);

} // namespace test_support
