// SPDX-License-Identifier: Apache-2.0
// What crosses between JavaScript and the table: columns one way, what a collect found the other. The shapes and units
// are those of index.ts, where what comes in was checked.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "../bpf/flow.h"
#include "device_table.h"
#include "interner.h"
#include "javascript.h"
#include "pins.h"
#include "network_namespace.h"
#include "own_connections.h"
#include "window.h"

namespace weir
{

inline uint32_t number_of(const Napi::Object &object, const char *key)
{
	return object.Get(key).As<Napi::Number>().Uint32Value();
}

// {path, inode, base}; none: this process's own.
inline std::optional<NetworkNamespace> namespace_of(const Napi::Value &value)
{
	if (!value.IsObject())
		return std::nullopt;
	const Napi::Object object = value.As<Napi::Object>();
	return NetworkNamespace{
	    .path = object.Get("path").As<Napi::String>().Utf8Value(),
	    .inode = static_cast<uint64_t>(object.Get("inode").As<Napi::Number>().DoubleValue()),
	    .base = number_of(object, "base"),
	};
}

inline flow_direction direction_of(const Napi::Value &value)
{
	return value.As<Napi::String>().Utf8Value() == "ingress" ? FLOW_INGRESS : FLOW_EGRESS;
}

template <typename Element>
Element *elements_of(const Napi::Object &columns, const char *name)
{
	return columns.Get(name).As<Napi::TypedArrayOf<Element>>().Data();
}

inline Columns columns_of(const Napi::Object &columns)
{
	return {
	    .capacity = number_of(columns, "capacity"),
	    .src = elements_of<uint32_t>(columns, "src"),
	    .dst = elements_of<uint32_t>(columns, "dst"),
	    .src_port = elements_of<uint16_t>(columns, "srcPort"),
	    .dst_port = elements_of<uint16_t>(columns, "dstPort"),
	    .transport = elements_of<uint8_t>(columns, "transport"),
	    .direction = elements_of<uint8_t>(columns, "direction"),
	    .iface = elements_of<uint16_t>(columns, "iface"),
	    .initiator = elements_of<uint8_t>(columns, "initiator"),
	    .guessed = elements_of<uint8_t>(columns, "guessed"),
	    .tunnel = elements_of<uint8_t>(columns, "tunnel"),
	    .bytes = elements_of<double>(columns, "bytes"),
	    .packets = elements_of<double>(columns, "packets"),
	    .nat_row = elements_of<uint32_t>(columns, "natRow"),
	    .nat_src = elements_of<uint32_t>(columns, "natSrc"),
	    .nat_dst = elements_of<uint32_t>(columns, "natDst"),
	    .nat_dialled = elements_of<uint32_t>(columns, "natDialled"),
	    .nat_src_port = elements_of<uint16_t>(columns, "natSrcPort"),
	    .nat_dst_port = elements_of<uint16_t>(columns, "natDstPort"),
	    .nat_dialled_port = elements_of<uint16_t>(columns, "natDialledPort"),
	};
}

// Undefined where none are left out.
inline std::optional<std::vector<OwnConnection>> own_connections_of(const Napi::Value &value)
{
	if (!value.IsTypedArray())
		return std::nullopt;
	const auto bytes = value.As<Napi::Uint8Array>();
	std::vector<OwnConnection> records(bytes.ByteLength() / sizeof(OwnConnection));
	if (!records.empty())
		std::memcpy(records.data(), bytes.Data(), records.size() * sizeof(OwnConnection));
	return records;
}

inline Napi::Array text_array(Napi::Env env, const std::vector<std::string> &texts)
{
	Napi::Array array = Napi::Array::New(env, texts.size());
	for (size_t i = 0; i < texts.size(); i++)
		array.Set(static_cast<uint32_t>(i), texts[i]);
	return array;
}

inline Napi::Object amount_object(Napi::Env env, const flow_amount &amount)
{
	Napi::Object object = Napi::Object::New(env);
	object.Set("bytes", static_cast<double>(amount.bytes));
	object.Set("packets", static_cast<double>(amount.packets));
	return object;
}

inline const char *direction_name(uint32_t direction)
{
	return direction == FLOW_INGRESS ? "ingress" : "egress";
}

inline Napi::Object ledger_object(Napi::Env env, const LedgerEntry &entry)
{
	const auto amount = [&](ledger_reason reason) { return amount_object(env, entry.amounts.amounts[reason]); };
	Napi::Object filtered = Napi::Object::New(env), lost = Napi::Object::New(env), row = Napi::Object::New(env);
	filtered.Set("protocol", amount(FILTERED_PROTOCOL));
	filtered.Set("not_ip", amount(FILTERED_NOT_IP));
	filtered.Set("counted_elsewhere", amount(FILTERED_COUNTED_ELSEWHERE));
	filtered.Set("direction", amount(FILTERED_DIRECTION));
	lost.Set("table_full", amount(LOST_TABLE_FULL));
	lost.Set("malformed", amount(LOST_MALFORMED));
	row.Set("iface", entry.iface);
	row.Set("direction", direction_name(entry.direction));
	row.Set("filtered", filtered);
	row.Set("sampled", amount(SAMPLED_OUT));
	row.Set("lost", lost);
	return row;
}

inline std::optional<PinOptions> pin_options_of(const Napi::Object &options)
{
	if (!options.Has("pin"))
		return std::nullopt;
	const Napi::Object pin = options.Get("pin").As<Napi::Object>();
	PinOptions result = {.path = pin.Get("path").As<Napi::String>().Utf8Value(), .settings = {}};
	const Napi::Object settings = pin.Get("settings").As<Napi::Object>();
	const Napi::Array keys = settings.GetPropertyNames();
	for (uint32_t i = 0; i < keys.Length(); i++) {
		const std::string key = keys.Get(i).As<Napi::String>().Utf8Value();
		result.settings.emplace_back(key, settings.Get(key).As<Napi::String>().Utf8Value());
	}
	return result;
}

inline Napi::Array names_array(Napi::Env env, const std::vector<DeviceName> &names)
{
	Napi::Array array = Napi::Array::New(env);
	for (const DeviceName &known : names) {
		Napi::Object name = Napi::Object::New(env);
		name.Set("iface", known.ifindex & (DEVICE_SLOTS - 1));
		name.Set("name", known.name);
		array.Set(array.Length(), name);
	}
	return array;
}

inline Napi::Object refused_object(Napi::Env env, const Refused &refused)
{
	Napi::Object result = Napi::Object::New(env);
	result.Set("differences", text_array(env, refused.differences));
	result.Set("names", names_array(env, refused.names));
	if (!refused.amounts)
		return result;
	Napi::Array amounts = Napi::Array::New(env);
	for (const auto &[place, amount] : *refused.amounts) {
		Napi::Object sum = amount_object(env, amount);
		sum.Set("iface", place.first);
		sum.Set("direction", direction_name(place.second));
		amounts.Set(amounts.Length(), sum);
	}
	result.Set("amounts", amounts);
	return result;
}

inline Napi::Object nat_object(Napi::Env env, const NatLookUps &look_ups)
{
	Napi::Object object = Napi::Object::New(env);
	object.Set("translated", static_cast<double>(look_ups.translated));
	object.Set("untranslated", static_cast<double>(look_ups.untranslated));
	object.Set("missing", static_cast<double>(look_ups.missing));
	object.Set("ambiguous", static_cast<double>(look_ups.ambiguous));
	object.Set("failed", static_cast<double>(look_ups.failed));
	object.Set("dumps", static_cast<double>(look_ups.dumps));
	object.Set("errno", look_ups.error);
	return object;
}
// By disposition; the names are those of the ledger's reasons.
constexpr const char *left_out_names[] = {"", "self", "tunnel", "counted_elsewhere"};

struct Collection {
	Window window;
	std::vector<LedgerEntry> ledger;
};

inline Napi::Value collection_object(Napi::Env env, const std::vector<Address> &endpoints, const Collection &collection)
{
	const Window &window = collection.window;
	const size_t first = window.first_new_endpoint, added = endpoints.size() - first;
	auto addresses = Napi::Uint8Array::New(env, added * sizeof(Address));
	if (added > 0)
		std::memcpy(addresses.Data(), endpoints[first].data(), added * sizeof(Address));

	Napi::Array sums = Napi::Array::New(env);
	for (const auto &[place, amount] : window.sums) {
		Napi::Object sum = amount_object(env, amount);
		sum.Set("iface", place.iface);
		sum.Set("direction", direction_name(place.direction));
		if (place.disposition != LEAVES)
			sum.Set("leftOut", left_out_names[place.disposition]);
		sums.Set(sums.Length(), sum);
	}
	Napi::Array ledger = Napi::Array::New(env);
	for (const LedgerEntry &entry : collection.ledger)
		ledger.Set(ledger.Length(), ledger_object(env, entry));

	Napi::Object result = Napi::Object::New(env);
	result.Set("rows", static_cast<double>(window.rows));
	result.Set("translatedRows", static_cast<double>(window.translated_rows));
	result.Set("complete", window.complete);
	result.Set("newEndpoints", addresses);
	result.Set("sums", sums);
	result.Set("ledger", ledger);
	result.Set("natLookUps", nat_object(env, window.nat_look_ups));
	result.Set("slots", window.slots);
	result.Set("usedSlots", window.used_slots);
	result.Set("overflowFlows", static_cast<double>(window.overflow_flows));
	result.Set("scanNs", static_cast<double>(window.scan_ns));
	if (!window.sockets_failure.empty())
		result.Set("socketsFailure", window.sockets_failure);
	return result;
}

} // namespace weir
