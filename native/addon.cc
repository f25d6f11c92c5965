// SPDX-License-Identifier: Apache-2.0
// What the addon offers to index.ts.

#include <linux/if.h>

#include "clsact_hooks.h"
#include "conversions.h"
#include "javascript.h"
#include "kernel_table.h"
#include "link_watch.h"
#include "netlink.h"
#include "tunnel_conversions.h"
#include "tunnel_devices.h"

namespace weir
{

namespace
{

// listInterfaces() -> array
Napi::Value interfaces(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	Napi::Array result = Napi::Array::New(env);
	for (const NetworkInterface &link : with_errors(env, list_interfaces)) {
		const Napi::HandleScope scope(env);
		Napi::Object object = Napi::Object::New(env);
		object.Set("index", link.index);
		object.Set("name", link.name);
		object.Set("kind", link.kind);
		object.Set("master", link.master);
		object.Set("lower", link.lower);
		object.Set("loopback", (link.flags & IFF_LOOPBACK) != 0);
		object.Set("up", (link.flags & IFF_UP) != 0);
		object.Set("pointToPoint", (link.flags & IFF_POINTOPOINT) != 0 && (link.flags & IFF_BROADCAST) == 0);
		object.Set("linkType", link.link_type);
		result.Set(result.Length(), object);
	}
	return result;
}

// listTunnels() -> {tunnels, addresses, unreadable}
Napi::Value tunnels(const Napi::CallbackInfo &info)
{
	return tunnel_devices_object(info.Env(), with_errors(info.Env(), list_tunnels));
}

// removeLeftFilters() -> array of places
Napi::Value remove_left(const Napi::CallbackInfo &info)
{
	return text_array(info.Env(), with_errors(info.Env(), remove_left_filters));
}

Napi::Object initialise(Napi::Env env, Napi::Object exports)
{
	KernelTable::define(env);
	exports.Set("open", Napi::Function::New(env, KernelTable::open, "open"));
	exports.Set("listInterfaces", Napi::Function::New(env, interfaces, "listInterfaces"));
	exports.Set("listTunnels", Napi::Function::New(env, tunnels, "listTunnels"));
	exports.Set("removeLeftFilters", Napi::Function::New(env, remove_left, "removeLeftFilters"));
	exports.Set("watchInterfaces", Napi::Function::New(env, LinkWatch::start, "watchInterfaces"));
	return exports;
}

} // namespace

} // namespace weir

static Napi::Object Initialise(Napi::Env env, Napi::Object exports)
{
	return weir::initialise(env, exports);
}

NODE_API_MODULE(weir, Initialise)
