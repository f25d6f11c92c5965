// SPDX-License-Identifier: Apache-2.0
// Runs a function off the event loop and gives JavaScript a promise of its result.
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include <napi.h>

#include "failure.h"

namespace weir {

// {message, call, errno, detail}: native/index.ts turns it into an error with a fix.
inline Napi::Error to_error(Napi::Env env, const Failure &failure)
{
	Napi::Error error = Napi::Error::New(env, failure.what());
	error.Set("call", failure.call);
	error.Set("errno", static_cast<double>(failure.error_number));
	error.Set("detail", failure.detail);
	return error;
}

template <typename Result>
class Work : public Napi::AsyncWorker {
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
		if (failure_)
			deferred_.Reject(to_error(Env(), *failure_).Value());
		else
			deferred_.Resolve(finish_(Env(), *result_));
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
