// SPDX-License-Identifier: Apache-2.0
// What the test addon offers to test/support/native.ts, which checks arguments.

#include <napi.h>

#include <system_error>

#include "frame.h"
#include "network_namespace.h"
#include "program.h"
#include "program_run.h"
#include "tun.h"

namespace test_support
{

namespace
{

std::string text(const Napi::Value &value)
{
	return value.As<Napi::String>().Utf8Value();
}

uint32_t number(const Napi::Value &value)
{
	return value.As<Napi::Number>().Uint32Value();
}

std::vector<uint8_t> bytes(const Napi::Value &value)
{
	const auto array = value.As<Napi::Uint8Array>();
	return std::vector<uint8_t>(array.Data(), array.Data() + array.ByteLength());
}

// enterNetworkNamespace(name)
Napi::Value enter(const Napi::CallbackInfo &info)
{
	enter_network_namespace(text(info[0]));
	return info.Env().Undefined();
}

// enterNewNetworkNamespace()
Napi::Value enter_new(const Napi::CallbackInfo &info)
{
	enter_new_network_namespace();
	return info.Env().Undefined();
}

// leaveNetworkNamespace()
Napi::Value leave(const Napi::CallbackInfo &info)
{
	leave_network_namespace();
	return info.Env().Undefined();
}

// sendFrame({networkNamespace, interface, frame, count, header})
Napi::Value send(const Napi::CallbackInfo &info)
{
	const auto order = info[0].As<Napi::Object>();
	send_frame({
	    .network_namespace = text(order.Get("networkNamespace")),
	    .interface = text(order.Get("interface")),
	    .frame = bytes(order.Get("frame")),
	    .count = number(order.Get("count")),
	    .header = bytes(order.Get("header")),
	});
	return info.Env().Undefined();
}

// openTun(networkNamespace, name) -> descriptor
Napi::Value tun(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), open_tun(text(info[0]), text(info[1])).release());
}

// loadPrograms(objectPath) -> [{name, id, descriptor}]
Napi::Value load(const Napi::CallbackInfo &info)
{
	Napi::Array result = Napi::Array::New(info.Env());
	for (LoadedProgram &program : load_programs(text(info[0]))) {
		Napi::Object object = Napi::Object::New(info.Env());
		object.Set("name", program.name);
		object.Set("id", program.id);
		object.Set("descriptor", program.descriptor.release());
		result.Set(result.Length(), object);
	}
	return result;
}

// attachProgram(programId, interface, egress) -> descriptor
Napi::Value attach(const Napi::CallbackInfo &info)
{
	Descriptor link = attach_program(number(info[0]), text(info[1]), info[2].As<Napi::Boolean>());
	return Napi::Number::New(info.Env(), link.release());
}

// attachedProgramCount(networkNamespace, interface) -> count
Napi::Value attached_count(const Napi::CallbackInfo &info)
{
	uint32_t count = 0;
	run_in_network_namespace(text(info[0]), [&] { count = count_attached_programs(text(info[1])); });
	return Napi::Number::New(info.Env(), count);
}

// writeMapWord(programId, mapName, value)
Napi::Value write_word(const Napi::CallbackInfo &info)
{
	write_map_word(number(info[0]), text(info[1]), number(info[2]));
	return info.Env().Undefined();
}

// closeDescriptor(descriptor). Not fs.closeSync: Node's workers warn about descriptors that they did not open.
Napi::Value close_descriptor(const Napi::CallbackInfo &info)
{
	const Descriptor closed(info[0].As<Napi::Number>().Int32Value());
	return info.Env().Undefined();
}

// enableBpfRunTime() -> descriptor
Napi::Value enable(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), enable_run_time().release());
}

// readBpfRunTime(programId) -> {timeNs, runs}
Napi::Value run_time(const Napi::CallbackInfo &info)
{
	const RunTime time = read_run_time(number(info[0]));
	Napi::Object result = Napi::Object::New(info.Env());
	result.Set("timeNs", static_cast<double>(time.time_ns));
	result.Set("runs", static_cast<double>(time.runs));
	return result;
}

// Only Napi::Error may cross into JavaScript; anything else would end the process.
template <Napi::Value (*function)(const Napi::CallbackInfo &)>
Napi::Value guarded(const Napi::CallbackInfo &info)
{
	try {
		return function(info);
	} catch (const Napi::Error &) {
		throw;
	} catch (const std::exception &failure) {
		throw Napi::Error::New(info.Env(), failure.what());
	}
}

Napi::Object initialise(Napi::Env env, Napi::Object exports)
{
	exports.Set("enterNetworkNamespace", Napi::Function::New(env, guarded<enter>));
	exports.Set("enterNewNetworkNamespace", Napi::Function::New(env, guarded<enter_new>));
	exports.Set("leaveNetworkNamespace", Napi::Function::New(env, guarded<leave>));
	exports.Set("sendFrame", Napi::Function::New(env, guarded<send>));
	exports.Set("openTun", Napi::Function::New(env, guarded<tun>));
	exports.Set("loadPrograms", Napi::Function::New(env, guarded<load>));
	exports.Set("attachProgram", Napi::Function::New(env, guarded<attach>));
	exports.Set("attachedProgramCount", Napi::Function::New(env, guarded<attached_count>));
	exports.Set("writeMapWord", Napi::Function::New(env, guarded<write_word>));
	exports.Set("progTestRun", Napi::Function::New(env, guarded<program_test_run>));
	exports.Set("closeDescriptor", Napi::Function::New(env, guarded<close_descriptor>));
	exports.Set("enableBpfRunTime", Napi::Function::New(env, guarded<enable>));
	exports.Set("readBpfRunTime", Napi::Function::New(env, guarded<run_time>));
	return exports;
}

} // namespace

} // namespace test_support

static Napi::Object Initialise(Napi::Env env, Napi::Object exports)
{
	return test_support::initialise(env, exports);
}

NODE_API_MODULE(test_support, Initialise)
