// SPDX-License-Identifier: Apache-2.0
// The one way to Node-API: its settings, and how failures become JavaScript errors. No exception leaves the addon: what
// is not a Failure becomes a plain error, and an environment that is being torn down takes none.
#pragma once

#define NODE_ADDON_API_CPP_EXCEPTIONS_ALL
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#include <napi.h>

#include "failure.h"

namespace weir
{

// {message, call, errno, detail}: native/index.ts turns it into an error with a fix.
inline Napi::Error to_error(Napi::Env env, const Failure &failure)
{
	Napi::Error error = Napi::Error::New(env, failure.what());
	error.Set("call", failure.call);
	error.Set("errno", static_cast<double>(failure.error_number));
	error.Set("detail", failure.detail);
	return error;
}

// Runs the body of a call from JavaScript.
template <typename Body>
auto with_errors(Napi::Env env, Body body)
{
	try {
		return body();
	} catch (const Failure &failure) {
		throw to_error(env, failure);
	}
}

} // namespace weir
