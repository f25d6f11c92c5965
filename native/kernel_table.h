// SPDX-License-Identifier: Apache-2.0
// The JavaScript object over one loaded BPF object: hooks, devices, reader. Arguments were checked in index.ts.
#pragma once

#include <memory>

#include "javascript.h"
#include "loaded.h"

namespace weir
{

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
	void remember_own(const Napi::CallbackInfo &info);
	Napi::Value commit(const Napi::CallbackInfo &info);
	void publish_tunnels(const Napi::CallbackInfo &info);
	void set_tunnels(const Napi::CallbackInfo &info);
	void new_endpoint_epoch(const Napi::CallbackInfo &info);
	Napi::Value settle(const Napi::CallbackInfo &info);
	Napi::Value close(const Napi::CallbackInfo &info);

	std::shared_ptr<Loaded> loaded_;
};

} // namespace weir
