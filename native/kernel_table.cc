// SPDX-License-Identifier: Apache-2.0
#include "kernel_table.h"

#include <cstring>

#include "async.h"
#include "grace_period.h"

namespace weir {

namespace {

// One constructor per environment: worker threads have their own.
Napi::FunctionReference &constructor_of(Napi::Env env)
{
	auto *constructor = env.GetInstanceData<Napi::FunctionReference>();
	return *constructor;
}

uint32_t number_of(const Napi::Object &object, const char *key)
{
	return object.Get(key).As<Napi::Number>().Uint32Value();
}

template <typename Element>
Element *elements_of(const Napi::Object &columns, const char *name)
{
	return columns.Get(name).As<Napi::TypedArrayOf<Element>>().Data();
}

Columns columns_of(const Napi::Object &columns)
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
	    .bytes = elements_of<double>(columns, "bytes"),
	    .packets = elements_of<double>(columns, "packets"),
	};
}

Napi::Object amount_object(Napi::Env env, const flow_amount &amount)
{
	Napi::Object object = Napi::Object::New(env);
	object.Set("bytes", static_cast<double>(amount.bytes));
	object.Set("packets", static_cast<double>(amount.packets));
	return object;
}

const char *direction_name(uint32_t direction)
{
	return direction == FLOW_INGRESS ? "ingress" : "egress";
}

flow_direction direction_of(const Napi::Value &value)
{
	return value.As<Napi::String>().Utf8Value() == "ingress" ? FLOW_INGRESS : FLOW_EGRESS;
}

Napi::Object ledger_object(Napi::Env env, const LedgerEntry &entry)
{
	const auto amount = [&](ledger_reason reason) { return amount_object(env, entry.amounts.amounts[reason]); };
	Napi::Object filtered = Napi::Object::New(env), lost = Napi::Object::New(env), row = Napi::Object::New(env);
	filtered.Set("protocol", amount(FILTERED_PROTOCOL));
	filtered.Set("not_ip", amount(FILTERED_NOT_IP));
	filtered.Set("counted_elsewhere", amount(FILTERED_COUNTED_ELSEWHERE));
	lost.Set("table_full", amount(LOST_TABLE_FULL));
	lost.Set("malformed", amount(LOST_MALFORMED));
	row.Set("iface", entry.iface);
	row.Set("direction", direction_name(entry.direction));
	row.Set("filtered", filtered);
	row.Set("lost", lost);
	return row;
}

struct Collection {
	Window window;
	std::vector<LedgerEntry> ledger;
};

Napi::Value collection_object(Napi::Env env, const Loaded &loaded, const Collection &collection)
{
	const Window &window = collection.window;
	const auto &endpoints = loaded.reader.endpoints();
	const size_t first = window.first_new_endpoint, added = endpoints.size() - first;
	auto addresses = Napi::Uint8Array::New(env, added * sizeof(Address));
	if (added > 0)
		std::memcpy(addresses.Data(), endpoints[first].data(), added * sizeof(Address));

	Napi::Array sums = Napi::Array::New(env);
	for (const auto &[place, amount] : window.sums) {
		Napi::Object sum = amount_object(env, amount);
		sum.Set("iface", place >> 1);
		sum.Set("direction", direction_name(place & 1));
		sums.Set(sums.Length(), sum);
	}
	Napi::Array ledger = Napi::Array::New(env);
	for (const LedgerEntry &entry : collection.ledger)
		ledger.Set(ledger.Length(), ledger_object(env, entry));

	Napi::Object result = Napi::Object::New(env);
	result.Set("rows", static_cast<double>(window.rows));
	result.Set("complete", window.complete);
	result.Set("newEndpoints", addresses);
	result.Set("sums", sums);
	result.Set("ledger", ledger);
	result.Set("slots", window.slots);
	result.Set("usedSlots", window.used_slots);
	result.Set("overflowFlows", static_cast<double>(window.overflow_flows));
	result.Set("scanNs", static_cast<double>(window.scan_ns));
	return result;
}

} // namespace

void KernelTable::define(Napi::Env env)
{
	const Napi::Function constructor = DefineClass(
	    env, "KernelTable",
	    {
		InstanceMethod<&KernelTable::program_ids>("programIds"),
		InstanceMethod<&KernelTable::attach>("attach"),
		InstanceMethod<&KernelTable::detach>("detach"),
		InstanceMethod<&KernelTable::set_covered>("setCovered"),
		InstanceMethod<&KernelTable::row_bound>("rowBound"),
		InstanceMethod<&KernelTable::collect>("collect"),
		InstanceMethod<&KernelTable::commit>("commit"),
		InstanceMethod<&KernelTable::new_endpoint_epoch>("newEndpointEpoch"),
		InstanceMethod<&KernelTable::settle>("settle"),
		InstanceMethod<&KernelTable::close>("close"),
	    });
	env.SetInstanceData(new Napi::FunctionReference(Napi::Persistent(constructor)));
}

// Only open() constructs one: its single argument carries what was loaded.
KernelTable::KernelTable(const Napi::CallbackInfo &info)
    : Napi::ObjectWrap<KernelTable>(info), loaded_(*info[0].As<Napi::External<std::shared_ptr<Loaded>>>().Data())
{
}

Napi::Value KernelTable::open(const Napi::CallbackInfo &info)
{
	const Napi::Object options = info[0].As<Napi::Object>();
	LoadOptions load = {
	    .object_path = options.Get("objectPath").As<Napi::String>().Utf8Value(),
	    .max_slots = number_of(options, "maxSlots"),
	    .initial_slots = number_of(options, "initialSlots"),
	    .protocols = std::nullopt,
	};
	if (options.Get("protocols").IsArray()) {
		const Napi::Array protocols = options.Get("protocols").As<Napi::Array>();
		load.protocols.emplace();
		for (uint32_t i = 0; i < protocols.Length(); i++)
			load.protocols->push_back(
			    static_cast<uint8_t>(protocols.Get(i).As<Napi::Number>().Uint32Value()));
	}
	const uint32_t idle_windows = number_of(options, "idleWindows");
	return Work<std::shared_ptr<Loaded>>::start(
	    info.Env(), options,
	    [load, idle_windows] { return std::make_shared<Loaded>(load, idle_windows); },
	    [](Napi::Env env, std::shared_ptr<Loaded> &loaded) -> Napi::Value {
		    return constructor_of(env).New({Napi::External<std::shared_ptr<Loaded>>::New(env, &loaded)});
	    });
}

Napi::Value KernelTable::program_ids(const Napi::CallbackInfo &info)
{
	Napi::Object ids = Napi::Object::New(info.Env());
	try {
		for (const auto &[name, id] : loaded_->object.program_ids())
			ids.Set(name, id);
	} catch (const Failure &failure) {
		throw to_error(info.Env(), failure);
	}
	return ids;
}

// attach(ifindex, name, direction)
void KernelTable::attach(const Napi::CallbackInfo &info)
{
	const uint32_t ifindex = info[0].As<Napi::Number>().Uint32Value();
	const flow_direction direction = direction_of(info[2]);
	const char *program = direction == FLOW_INGRESS ? "network_ingress" : "network_egress";
	try {
		loaded_->devices.add(ifindex);
		loaded_->hooks.attach(loaded_->object.program_descriptor(program), ifindex,
				      info[1].As<Napi::String>().Utf8Value(), direction);
	} catch (const Failure &failure) {
		if (!loaded_->hooks.attached(ifindex))
			loaded_->devices.remove(ifindex);
		throw to_error(info.Env(), failure);
	}
}

// detach(ifindex, direction)
void KernelTable::detach(const Napi::CallbackInfo &info)
{
	const uint32_t ifindex = info[0].As<Napi::Number>().Uint32Value();
	loaded_->hooks.detach(ifindex, direction_of(info[1]));
	try {
		if (!loaded_->hooks.attached(ifindex))
			loaded_->devices.remove(ifindex);
	} catch (const Failure &failure) {
		throw to_error(info.Env(), failure);
	}
}

// setCovered(ifindexes)
void KernelTable::set_covered(const Napi::CallbackInfo &info)
{
	const Napi::Array given = info[0].As<Napi::Array>();
	std::vector<uint32_t> ifindexes;
	for (uint32_t i = 0; i < given.Length(); i++)
		ifindexes.push_back(given.Get(i).As<Napi::Number>().Uint32Value());
	try {
		loaded_->devices.set_covered(ifindexes);
	} catch (const Failure &failure) {
		throw to_error(info.Env(), failure);
	}
}

Napi::Value KernelTable::row_bound(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), static_cast<double>(loaded_->reader.row_bound()));
}

// collect(columns) -> Promise
Napi::Value KernelTable::collect(const Napi::CallbackInfo &info)
{
	const Napi::Object columns = info[0].As<Napi::Object>();
	const Columns places = columns_of(columns);
	return Work<Collection>::start(
	    info.Env(), columns,
	    [loaded = loaded_, places] {
		    // The ledger first: what moves from it to nowhere cannot be counted twice.
		    std::vector<LedgerEntry> ledger = loaded->devices.read_ledger();
		    return Collection{.window = loaded->reader.collect(places), .ledger = std::move(ledger)};
	    },
	    [loaded = loaded_](Napi::Env env, Collection &collection) {
		    return collection_object(env, *loaded, collection);
	    });
}

// commit() -> Promise<freed slots>
Napi::Value KernelTable::commit(const Napi::CallbackInfo &info)
{
	return Work<size_t>::start(
	    info.Env(), info.This().As<Napi::Object>(), [loaded = loaded_] { return loaded->reader.commit(); },
	    [](Napi::Env env, size_t &freed) -> Napi::Value {
		    return Napi::Number::New(env, static_cast<double>(freed));
	    });
}

void KernelTable::new_endpoint_epoch(const Napi::CallbackInfo &)
{
	loaded_->reader.new_endpoint_epoch();
}

// settle() -> Promise
Napi::Value KernelTable::settle(const Napi::CallbackInfo &info)
{
	return Work<bool>::start(
	    info.Env(), info.This().As<Napi::Object>(),
	    [] {
		    wait_for_running_programs();
		    return true;
	    },
	    [](Napi::Env env, bool &) -> Napi::Value { return env.Undefined(); });
}

// close() -> Promise: unloading unmaps and frees megabytes, so it is not for the event loop either.
Napi::Value KernelTable::close(const Napi::CallbackInfo &info)
{
	loaded_->hooks.detach_all();
	return Work<bool>::start(
	    info.Env(), info.This().As<Napi::Object>(),
	    [loaded = std::exchange(loaded_, nullptr)]() mutable {
		    loaded.reset();
		    return true;
	    },
	    [](Napi::Env env, bool &) -> Napi::Value { return env.Undefined(); });
}

} // namespace weir
