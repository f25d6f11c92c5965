// SPDX-License-Identifier: Apache-2.0
// What the addon offers to index.ts.

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <linux/if.h>
#include <malloc.h>

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

// listInterfaces(namespace?) -> array
Napi::Value interfaces(const Napi::CallbackInfo &info)
{
	const Napi::Env env = info.Env();
	Napi::Array result = Napi::Array::New(env);
	const auto place = namespace_of(info[0]);
	for (const NetworkInterface &link : with_errors(env, [&] { return in_namespace(place, list_interfaces); })) {
		const Napi::HandleScope scope(env);
		Napi::Object object = Napi::Object::New(env);
		object.Set("index", link.index);
		object.Set("name", link.name);
		object.Set("kind", link.kind);
		object.Set("master", link.master);
		object.Set("lower", link.lower);
		object.Set("lowerNamespace", link.lower_namespace);
		object.Set("loopback", (link.flags & IFF_LOOPBACK) != 0);
		object.Set("up", (link.flags & IFF_UP) != 0);
		object.Set("pointToPoint", (link.flags & IFF_POINTOPOINT) != 0 && (link.flags & IFF_BROADCAST) == 0);
		object.Set("linkType", link.link_type);
		result.Set(result.Length(), object);
	}
	return result;
}

// listTunnels(withAddresses, namespace?) -> {tunnels, addresses, unreadable}
Napi::Value tunnels(const Napi::CallbackInfo &info)
{
	const bool with_addresses = info[0].As<Napi::Boolean>();
	const auto place = namespace_of(info[1]);
	return tunnel_devices_object(info.Env(), with_errors(info.Env(), [&] {
					     return in_namespace(place, [&] { return list_tunnels(with_addresses); });
				     }));
}

// namespaceIds(others, namespace?) -> array of ids
Napi::Value ids_of_namespaces(const Napi::CallbackInfo &info)
{
	const Napi::Array given = info[0].As<Napi::Array>();
	std::vector<NetworkNamespace> others;
	for (uint32_t i = 0; i < given.Length(); i++)
		others.push_back(*namespace_of(given.Get(i)));
	const std::vector<int32_t> ids = with_errors(
	    info.Env(), [&] { return in_namespace(namespace_of(info[1]), [&] { return namespace_ids(others); }); });
	Napi::Array result = Napi::Array::New(info.Env(), ids.size());
	for (uint32_t i = 0; i < ids.size(); i++)
		result.Set(i, ids[i]);
	return result;
}

// readNetDev(namespace) -> text of /proc/net/dev there
Napi::Value read_net_dev(const Napi::CallbackInfo &info)
{
	const std::string text = with_errors(info.Env(), [&] {
		return in_namespace(namespace_of(info[0]), [] {
			std::ifstream file("/proc/thread-self/net/dev");
			return std::string(std::istreambuf_iterator<char>(file), {});
		});
	});
	return Napi::String::New(info.Env(), text);
}

// removeLeftFilters() -> array of places
Napi::Value remove_left(const Napi::CallbackInfo &info)
{
	return text_array(info.Env(), with_errors(info.Env(), remove_left_filters));
}

// What a window needs is as large as the table and comes and goes. glibc would raise the size from which memory is
// mapped alone, and given back when it is freed, with the first large block that is freed (mallopt(3)), and keep tens
// of megabytes in its heaps. For the whole process: the arrays of JavaScript are such blocks too.
void give_back_what_is_freed()
{
#ifdef __GLIBC__
	constexpr int large_block = 256 * 1024;
	::mallopt(M_MMAP_THRESHOLD, large_block);
	::mallopt(M_TRIM_THRESHOLD, 4 * large_block);
#endif
}

Napi::Object initialise(Napi::Env env, Napi::Object exports)
{
	give_back_what_is_freed();
	KernelTable::define(env);
	exports.Set("open", Napi::Function::New(env, KernelTable::open, "open"));
	exports.Set("listInterfaces", Napi::Function::New(env, interfaces, "listInterfaces"));
	exports.Set("listTunnels", Napi::Function::New(env, tunnels, "listTunnels"));
	exports.Set("namespaceIds", Napi::Function::New(env, ids_of_namespaces, "namespaceIds"));
	exports.Set("readNetDev", Napi::Function::New(env, read_net_dev, "readNetDev"));
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
