// SPDX-License-Identifier: Apache-2.0
// long: one short function for each call from JavaScript.
#include "kernel_table.h"

#include <string>
#include <utility>
#include <vector>

#include "async.h"
#include "carrying_ports.h"
#include "conversions.h"
#include "grace_period.h"
#include "tunnel_conversions.h"

namespace weir
{

namespace
{

// One constructor per environment: worker threads have their own.
Napi::FunctionReference &constructor_of(Napi::Env env)
{
	auto *constructor = env.GetInstanceData<Napi::FunctionReference>();
	return *constructor;
}

TrafficControl traffic_control_of(const std::string &name)
{
	if (name == "tcx")
		return TrafficControl::tcx;
	return name == "tc" ? TrafficControl::clsact : TrafficControl::either;
}

TunnelMode tunnel_mode_of(const std::string &name)
{
	if (name == "inner")
		return TunnelMode::inner;
	return name == "outer" ? TunnelMode::outer : TunnelMode::both;
}

} // namespace

void KernelTable::define(Napi::Env env)
{
	const Napi::Function constructor =
	    DefineClass(env, "KernelTable",
			{
			    InstanceMethod<&KernelTable::program_ids>("programIds"),
			    InstanceMethod<&KernelTable::hook_kind>("hookKind"),
			    InstanceMethod<&KernelTable::taken_over>("takenOver"),
			    InstanceMethod<&KernelTable::refused>("refused"),
			    InstanceMethod<&KernelTable::rename>("rename"),
			    InstanceMethod<&KernelTable::attach>("attach"),
			    InstanceMethod<&KernelTable::detach>("detach"),
			    InstanceMethod<&KernelTable::attach_off_loop>("attachOffLoop"),
			    InstanceMethod<&KernelTable::detach_off_loop>("detachOffLoop"),
			    InstanceMethod<&KernelTable::set_covered>("setCovered"),
			    InstanceMethod<&KernelTable::row_bound>("rowBound"),
			    InstanceMethod<&KernelTable::collect>("collect"),
			    InstanceMethod<&KernelTable::remember_own>("rememberOwn"),
			    InstanceMethod<&KernelTable::commit>("commit"),
			    InstanceMethod<&KernelTable::publish_tunnels>("publishTunnels"),
			    InstanceMethod<&KernelTable::set_tunnels>("setTunnels"),
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
	    .sampling = number_of(options, "sampling"),
	    .socket_filter = options.Get("source").As<Napi::String>().Utf8Value() == "socket_filter",
	};
	const TrafficControl traffic_control =
	    traffic_control_of(options.Get("trafficControl").As<Napi::String>().Utf8Value());
	const TunnelMode tunnel_mode = tunnel_mode_of(options.Get("tunnels").As<Napi::String>().Utf8Value());
	load.follow_into_tunnels = tunnel_mode == TunnelMode::outer;
	if (options.Get("protocols").IsArray()) {
		const Napi::Array protocols = options.Get("protocols").As<Napi::Array>();
		load.protocols.emplace();
		for (uint32_t i = 0; i < protocols.Length(); i++)
			load.protocols->push_back(
			    static_cast<uint8_t>(protocols.Get(i).As<Napi::Number>().Uint32Value()));
	}
	const ReadOptions read = {
	    .idle_windows = number_of(options, "idleWindows"),
	    .guess_ports = options.Get("guessPorts").As<Napi::Boolean>(),
	    .sampling = load.sampling,
	    .tunnel_mode = tunnel_mode,
	};
	const std::optional<PinOptions> pin = pin_options_of(options);
	// Made here, since a socket is of the network namespace of the thread that makes it.
	const auto sockets = std::make_shared<NodeSockets>();
	const auto conntrack =
	    options.Get("trueEnds").As<Napi::Boolean>() ? std::make_shared<Conntrack>() : std::shared_ptr<Conntrack>();
	return Work<std::shared_ptr<Loaded>>::start(
	    info.Env(), options,
	    [load, read, traffic_control, sockets, conntrack, pin,
	     namespace_object = options.Get("namespaceObjectPath").As<Napi::String>().Utf8Value()] {
		    return std::make_shared<Loaded>(load, read, namespace_object, traffic_control, std::move(*sockets),
						    conntrack, pin);
	    },
	    [](Napi::Env env, std::shared_ptr<Loaded> &loaded) -> Napi::Value {
		    return constructor_of(env).New({Napi::External<std::shared_ptr<Loaded>>::New(env, &loaded)});
	    });
}

Napi::Value KernelTable::program_ids(const Napi::CallbackInfo &info)
{
	Napi::Object ids = Napi::Object::New(info.Env());
	for (const auto &[name, id] : with_errors(info.Env(), [&] { return loaded_->object.program_ids(); }))
		ids.Set(name, id);
	return ids;
}

Napi::Value KernelTable::hook_kind(const Napi::CallbackInfo &info)
{
	return Napi::String::New(info.Env(), loaded_->hooks->kind());
}

// takenOver() -> {hooks, names, windowEndNs} of the process before, or undefined
Napi::Value KernelTable::taken_over(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	if (!loaded_->pins || !loaded_->pins->taken_over())
		return env.Undefined();
	Napi::Array hooks = Napi::Array::New(env);
	for (const auto &[ifindex, direction] : loaded_->inherited) {
		Napi::Object hook = Napi::Object::New(env);
		hook.Set("index", ifindex);
		hook.Set("direction", direction_name(direction));
		hooks.Set(hooks.Length(), hook);
	}
	Napi::Object result = Napi::Object::New(env);
	result.Set("hooks", hooks);
	result.Set("names", names_array(env, loaded_->pins->names()));
	result.Set("windowEndNs", Napi::BigInt::New(env, loaded_->progress->window_end_ns()));
	return result;
}

// refused() -> {differences, amounts, names} of pins that did not fit, or undefined
Napi::Value KernelTable::refused(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	if (!loaded_->pins || !loaded_->pins->refused())
		return env.Undefined();
	return refused_object(env, *loaded_->pins->refused());
}

// rename(ifindex, name)
void KernelTable::rename(const Napi::CallbackInfo &info)
{
	const std::string name = info[1].As<Napi::String>().Utf8Value();
	with_errors(info.Env(), [&] {
		if (loaded_->pins)
			loaded_->pins->remember_name(info[0].As<Napi::Number>().Uint32Value(), name);
	});
}

// attach(ifindex, name, direction, framesStartAtIp, namespace?) -> names of what sees packets first
Napi::Value KernelTable::attach(const Napi::CallbackInfo &info)
{
	const uint32_t ifindex = info[0].As<Napi::Number>().Uint32Value();
	const std::string name = info[1].As<Napi::String>().Utf8Value();
	return text_array(info.Env(), with_errors(info.Env(), [&] {
				  return loaded_->attach(ifindex, name, direction_of(info[2]),
							 info[3].As<Napi::Boolean>(), namespace_of(info[4]));
			  }));
}

// detach(ifindex, direction)
void KernelTable::detach(const Napi::CallbackInfo &info)
{
	with_errors(info.Env(),
		    [&] { loaded_->detach(info[0].As<Napi::Number>().Uint32Value(), direction_of(info[1])); });
}

// attachOffLoop(ifindex, name, direction, framesStartAtIp, namespace?) -> Promise<names>
Napi::Value KernelTable::attach_off_loop(const Napi::CallbackInfo &info)
{
	const uint32_t ifindex = info[0].As<Napi::Number>().Uint32Value();
	const std::string name = info[1].As<Napi::String>().Utf8Value();
	return Work<std::vector<std::string>>::start(
	    info.Env(), info.This().As<Napi::Object>(),
	    [loaded = loaded_, ifindex, name, direction = direction_of(info[2]),
	     at_ip = info[3].As<Napi::Boolean>().Value(),
	     place = namespace_of(info[4])] { return loaded->attach(ifindex, name, direction, at_ip, place); },
	    [](Napi::Env env, std::vector<std::string> &ahead) -> Napi::Value { return text_array(env, ahead); });
}

// detachOffLoop(ifindex, direction) -> Promise
Napi::Value KernelTable::detach_off_loop(const Napi::CallbackInfo &info)
{
	const uint32_t ifindex = info[0].As<Napi::Number>().Uint32Value();
	return Work<bool>::start(
	    info.Env(), info.This().As<Napi::Object>(),
	    [loaded = loaded_, ifindex, direction = direction_of(info[1])] {
		    loaded->detach(ifindex, direction);
		    return true;
	    },
	    [](Napi::Env env, bool &) -> Napi::Value { return env.Undefined(); });
}

// setCovered(ifindexes)
void KernelTable::set_covered(const Napi::CallbackInfo &info)
{
	const Napi::Array given = info[0].As<Napi::Array>();
	std::vector<uint32_t> ifindexes;
	for (uint32_t i = 0; i < given.Length(); i++)
		ifindexes.push_back(given.Get(i).As<Napi::Number>().Uint32Value());
	with_errors(info.Env(), [&] { loaded_->devices.set_covered(ifindexes); });
}

Napi::Value KernelTable::row_bound(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), static_cast<double>(loaded_->reader.row_bound()));
}

// collect(columns, ownConnections) -> Promise
Napi::Value KernelTable::collect(const Napi::CallbackInfo &info)
{
	const Napi::Object columns = info[0].As<Napi::Object>();
	const Columns places = columns_of(columns);
	auto records = own_connections_of(info[1]);
	if (records && loaded_->kept_connections)
		loaded_->kept_connections->replace(*records);
	std::optional<OwnConnections> own;
	if (records)
		own.emplace(*records);
	return Work<Collection>::start(
	    info.Env(), columns,
	    [loaded = loaded_, places, own = std::move(own)] {
		    // The ledger first: what moves from it to nowhere cannot be counted twice.
		    std::vector<LedgerEntry> ledger = loaded->devices.read_ledger();
		    Window window = loaded->reader.collect(places, own);
		    loaded->devices.reported(ledger);
		    return Collection{.window = std::move(window), .ledger = std::move(ledger)};
	    },
	    [loaded = loaded_](Napi::Env env, Collection &collection) {
		    return collection_object(env, loaded->reader.endpoints(), collection);
	    });
}

// rememberOwn(records)
void KernelTable::remember_own(const Napi::CallbackInfo &info)
{
	const auto records = own_connections_of(info[0]);
	if (!records || !loaded_->kept_connections)
		return;
	for (const OwnConnection &record : *records)
		loaded_->kept_connections->add(record);
}

// commit(windowEndNs) -> Promise<freed slots>
Napi::Value KernelTable::commit(const Napi::CallbackInfo &info)
{
	bool lossless;
	const uint64_t window_end_ns = info[0].As<Napi::BigInt>().Uint64Value(&lossless);
	return Work<size_t>::start(
	    info.Env(), info.This().As<Napi::Object>(),
	    [loaded = loaded_, window_end_ns] { return loaded->reader.commit(window_end_ns); },
	    [](Napi::Env env, size_t &freed) -> Napi::Value {
		    return Napi::Number::New(env, static_cast<double>(freed));
	    });
}

// publishTunnels(list): to the programs, whose next packet may be one of them.
void KernelTable::publish_tunnels(const Napi::CallbackInfo &info)
{
	const TunnelList list = tunnel_list_of(info[0].As<Napi::Object>());
	std::set<uint32_t> devices;
	for (const Tunnel &tunnel : list.tunnels)
		devices.insert(tunnel.ifindex);
	with_errors(info.Env(), [&] {
		publish_carrying_ports(loaded_->object.map_descriptor("carrying_ports"), list);
		loaded_->devices.set_tunnels(devices);
	});
}

// setTunnels(list): to the reader, while it does not read.
void KernelTable::set_tunnels(const Napi::CallbackInfo &info)
{
	loaded_->reader.set_tunnels(tunnel_list_of(info[0].As<Napi::Object>()));
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
	loaded_->detach_all();
	return Work<bool>::start(
	    info.Env(), info.This().As<Napi::Object>(),
	    [loaded = std::exchange(loaded_, nullptr)]() mutable {
		    loaded.reset();
		    return true;
	    },
	    [](Napi::Env env, bool &) -> Napi::Value { return env.Undefined(); });
}

} // namespace weir
