// SPDX-License-Identifier: Apache-2.0
// Tunnels between JavaScript and the addon. The shapes are those of tunnels.ts, where what comes in was checked.
#pragma once

#include <cstring>
#include <utility>

#include <sys/socket.h>

#include "conversions.h"
#include "tunnel_devices.h"

namespace weir
{

inline Napi::Value bytes_value(Napi::Env env, const std::optional<Address> &address)
{
	if (!address)
		return env.Undefined();
	auto bytes = Napi::Uint8Array::New(env, address->size());
	std::memcpy(bytes.Data(), address->data(), address->size());
	return bytes;
}

inline std::optional<Address> address_of_value(const Napi::Value &value)
{
	if (!value.IsTypedArray())
		return std::nullopt;
	Address address;
	std::memcpy(address.data(), value.As<Napi::Uint8Array>().Data(), address.size());
	return address;
}

inline Napi::Array ports_array(Napi::Env env, const PortRange &range)
{
	Napi::Array ports = Napi::Array::New(env, 2);
	ports.Set(0u, range.first);
	ports.Set(1u, range.last);
	return ports;
}

inline PortRange ports_of(const Napi::Object &object, const char *key)
{
	const Napi::Array ports = object.Get(key).As<Napi::Array>();
	const auto port = [&](uint32_t at) {
		return static_cast<uint16_t>(ports.Get(at).As<Napi::Number>().Uint32Value());
	};
	return {.first = port(0), .last = port(1)};
}

inline Napi::Object tunnel_object(Napi::Env env, const Tunnel &tunnel)
{
	Napi::Object object = Napi::Object::New(env);
	Napi::Array protocols = Napi::Array::New(env);
	for (const uint8_t protocol : tunnel.protocols)
		protocols.Set(protocols.Length(), protocol);
	object.Set("kind", tunnel.kind);
	object.Set("index", tunnel.ifindex);
	object.Set("linkNamespace", tunnel.link_namespace);
	object.Set("startsAtIp", tunnel.starts_at_ip);
	object.Set("protocols", protocols);
	object.Set("family", tunnel.family == 0 ? 0 : tunnel.family == AF_INET ? 4 : 6);
	object.Set("local", bytes_value(env, tunnel.local));
	object.Set("remote", bytes_value(env, tunnel.remote));
	object.Set("sentFrom", ports_array(env, tunnel.sent_from));
	object.Set("sentTo", ports_array(env, tunnel.sent_to));
	object.Set("receivedAt", ports_array(env, tunnel.received_at));
	return object;
}

inline Napi::Object tunnel_devices_object(Napi::Env env, const TunnelDevices &devices)
{
	Napi::Array tunnels = Napi::Array::New(env), addresses = Napi::Array::New(env);
	for (const Tunnel &tunnel : devices.list.tunnels)
		tunnels.Set(tunnels.Length(), tunnel_object(env, tunnel));
	for (const auto &[base, own] : devices.list.addresses)
		for (const Address &address : own)
			addresses.Set(addresses.Length(), bytes_value(env, address));
	Napi::Object object = Napi::Object::New(env);
	object.Set("tunnels", tunnels);
	object.Set("addresses", addresses);
	object.Set("unreadable", text_array(env, devices.unreadable));
	return object;
}

inline Tunnel tunnel_of(const Napi::Object &object)
{
	Tunnel tunnel;
	const Napi::Array protocols = object.Get("protocols").As<Napi::Array>();
	for (uint32_t i = 0; i < protocols.Length(); i++)
		tunnel.protocols.push_back(static_cast<uint8_t>(protocols.Get(i).As<Napi::Number>().Uint32Value()));
	const uint32_t family = number_of(object, "family");
	tunnel.kind = object.Get("kind").As<Napi::String>().Utf8Value();
	tunnel.kind_code = static_cast<uint8_t>(number_of(object, "code"));
	tunnel.ifindex = number_of(object, "index");
	tunnel.base = number_of(object, "base");
	tunnel.starts_at_ip = object.Get("startsAtIp").As<Napi::Boolean>();
	tunnel.family = static_cast<uint8_t>(family == 0 ? 0 : family == 4 ? AF_INET : AF_INET6);
	tunnel.local = address_of_value(object.Get("local"));
	tunnel.remote = address_of_value(object.Get("remote"));
	tunnel.sent_from = ports_of(object, "sentFrom");
	tunnel.sent_to = ports_of(object, "sentTo");
	tunnel.received_at = ports_of(object, "receivedAt");
	return tunnel;
}

inline TunnelList tunnel_list_of(const Napi::Object &object)
{
	TunnelList list;
	const Napi::Array tunnels = object.Get("tunnels").As<Napi::Array>();
	for (uint32_t i = 0; i < tunnels.Length(); i++)
		list.tunnels.push_back(tunnel_of(tunnels.Get(i).As<Napi::Object>()));
	const auto add = [&](uint32_t base, const Napi::Array &addresses) {
		for (uint32_t i = 0; i < addresses.Length(); i++)
			list.addresses[base].insert(*address_of_value(addresses.Get(i)));
	};
	add(0, object.Get("addresses").As<Napi::Array>());
	const Napi::Array others = object.Get("others").As<Napi::Array>();
	for (uint32_t i = 0; i < others.Length(); i++) {
		const Napi::Object other = others.Get(i).As<Napi::Object>();
		add(number_of(other, "base"), other.Get("addresses").As<Napi::Array>());
	}
	return list;
}

} // namespace weir
