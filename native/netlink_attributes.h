// SPDX-License-Identifier: Apache-2.0
// The attributes of a netlink message by their type, read as numbers, ports, addresses and texts.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "interner.h"
#include "netlink_message.h"

namespace weir
{

// The attributes of a message by type; they point into it.
struct Attribute {
	const void *data = nullptr;
	size_t length = 0;
};
using Attributes = std::map<int, Attribute>;

inline Attributes attributes_of(const void *first, size_t length)
{
	Attributes attributes;
	for_each_attribute(static_cast<const rtattr *>(first), length, [&](int type, const void *data, size_t bytes) {
		attributes[type] = {data, bytes};
	});
	return attributes;
}

template <typename Number>
std::optional<Number> number_at(const Attributes &attributes, int type)
{
	const auto found = attributes.find(type);
	if (found == attributes.end() || found->second.length < sizeof(Number))
		return std::nullopt;
	Number value;
	std::memcpy(&value, found->second.data, sizeof(value));
	return value;
}

inline std::optional<uint16_t> port_at(const Attributes &attributes, int type)
{
	const auto port = number_at<uint16_t>(attributes, type);
	return port ? std::optional<uint16_t>(ntohs(*port)) : std::nullopt;
}

inline Address mapped(const void *data, size_t length)
{
	Address address = {};
	if (length == sizeof(in6_addr)) {
		std::memcpy(address.data(), data, length);
	} else {
		address[10] = address[11] = 0xff;
		std::memcpy(address.data() + 12, data, sizeof(in_addr));
	}
	return address;
}

// An address of zeros is any, as if it were absent.
inline std::optional<Address> address_at(const Attributes &attributes, int type)
{
	const auto found = attributes.find(type);
	if (found == attributes.end())
		return std::nullopt;
	const auto [data, length] = found->second;
	if (length != sizeof(in_addr) && length != sizeof(in6_addr))
		return std::nullopt;
	const Address address = mapped(data, length);
	return address == mapped(std::vector<char>(length).data(), length) ? std::nullopt : std::optional(address);
}

inline std::string text_at(const Attributes &attributes, int type)
{
	const auto found = attributes.find(type);
	return found == attributes.end() ? "" : text(found->second.data, found->second.length);
}

} // namespace weir
