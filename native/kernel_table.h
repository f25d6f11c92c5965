// SPDX-License-Identifier: Apache-2.0
// The JavaScript object over one loaded BPF object: hooks, devices, reader. Arguments were checked in index.ts.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "device_table.h"
#include "flow_reader.h"
#include "hooks.h"
#include "javascript.h"
#include "loader.h"
#include "pins.h"
#include "progress.h"

namespace weir
{

// What is loaded; shared with work that is under way, so that closing never pulls it away.
struct Loaded {
	Loaded(const LoadOptions &options, uint32_t idle_windows, TrafficControl traffic_control,
	       const std::optional<PinOptions> &pin);
	// Returns what sees packets first.
	std::vector<std::string> attach(uint32_t ifindex, const std::string &name, flow_direction direction,
					bool frames_start_at_ip);
	void detach(uint32_t ifindex, flow_direction direction);

	std::unique_ptr<PinnedMaps> pins; // null: nothing outlives the process
	BpfObject object;
	std::unique_ptr<Progress> progress; // the same
	FlowReader reader;
	DeviceTable devices;
	std::mutex hooks_mutex;
	std::unique_ptr<Hooks> hooks;
	std::set<HookPlace> inherited; // where programs hung when the table was taken over
};

class KernelTable : public Napi::ObjectWrap<KernelTable>
{
      public:
	// open(options) -> Promise<KernelTable>
	static Napi::Value open(const Napi::CallbackInfo &info);
	static void define(Napi::Env env);
	explicit KernelTable(const Napi::CallbackInfo &info);

      private:
	Napi::Value program_ids(const Napi::CallbackInfo &info);
	Napi::Value hook_kind(const Napi::CallbackInfo &info);
	Napi::Value taken_over(const Napi::CallbackInfo &info);
	Napi::Value refused(const Napi::CallbackInfo &info);
	void rename(const Napi::CallbackInfo &info);
	Napi::Value attach(const Napi::CallbackInfo &info);
	void detach(const Napi::CallbackInfo &info);
	Napi::Value attach_off_loop(const Napi::CallbackInfo &info);
	Napi::Value detach_off_loop(const Napi::CallbackInfo &info);
	void set_covered(const Napi::CallbackInfo &info);
	Napi::Value row_bound(const Napi::CallbackInfo &info);
	Napi::Value collect(const Napi::CallbackInfo &info);
	Napi::Value commit(const Napi::CallbackInfo &info);
	void new_endpoint_epoch(const Napi::CallbackInfo &info);
	Napi::Value settle(const Napi::CallbackInfo &info);
	Napi::Value close(const Napi::CallbackInfo &info);

	std::shared_ptr<Loaded> loaded_;
};

} // namespace weir
