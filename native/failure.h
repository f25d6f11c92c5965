// SPDX-License-Identifier: Apache-2.0
// What went wrong below JavaScript: the call, its errno, and more text where there is some.
#pragma once

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>

namespace weir
{

struct Failure : std::runtime_error {
	// call: the system call or libbpf function, with what it worked on: "bpf_link_create eth0 ingress".
	Failure(std::string call, int error_number, std::string detail = "")
	    : std::runtime_error(call + ": " + std::strerror(error_number)), call(std::move(call)),
	      error_number(error_number), detail(std::move(detail))
	{
	}
	std::string call;
	int error_number;
	std::string detail;
};

} // namespace weir
