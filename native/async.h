// SPDX-License-Identifier: Apache-2.0
// Runs a function off the event loop and gives JavaScript a promise of its result.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "failure.h"
#include "javascript.h"

namespace weir
{

template <typename Result>
class Work : public Napi::AsyncWorker
{
      public:
	using Run = std::function<Result()>;
	using Finish = std::function<Napi::Value(Napi::Env, Result &)>;

	// `keep` stays alive until the promise is settled.
	static Napi::Promise start(Napi::Env env, Napi::Object keep, Run run, Finish finish)
	{
		auto *work = new Work(env, keep, std::move(run), std::move(finish));
		const Napi::Promise promise = work->deferred_.Promise();
		work->Queue();
		return promise;
	}

      protected:
	void Execute() override
	{
		try {
			result_.emplace(run_());
		} catch (const Failure &failure) {
			failure_.emplace(failure);
		}
	}
	void OnOK() override
	{
		try {
			if (failure_)
				throw to_error(Env(), *failure_);
			deferred_.Resolve(finish_(Env(), *result_));
		} catch (const Napi::Error &error) {
			deferred_.Reject(error.Value());
		}
	}
	void OnError(const Napi::Error &error) override
	{
		deferred_.Reject(error.Value());
	}

      private:
	Work(Napi::Env env, Napi::Object keep, Run run, Finish finish)
	    : Napi::AsyncWorker(env), deferred_(env), keep_(Napi::Persistent(keep)), run_(std::move(run)),
	      finish_(std::move(finish))
	{
	}

	Napi::Promise::Deferred deferred_;
	Napi::ObjectReference keep_;
	Run run_;
	Finish finish_;
	std::optional<Result> result_;
	std::optional<Failure> failure_;
};

} // namespace weir
