// SPDX-License-Identifier: Apache-2.0
// How a failed system call becomes an exception, and a descriptor that closes itself.
#pragma once

#include <string>
#include <utility>

#include <unistd.h>

namespace test_support
{

// Throws std::system_error, whose text ends in that of the errno.
[[noreturn]] void fail(const std::string &call, int error);
[[noreturn]] void fail(const std::string &call); // with errno

// The result of a call that returns a negative number and sets errno when it fails.
int checked(int result, const std::string &call);

class Descriptor
{
      public:
	explicit Descriptor(int value) : value_(value) {}
	Descriptor(Descriptor &&other) noexcept : value_(other.release()) {}
	Descriptor &operator=(Descriptor &&) = delete;
	~Descriptor()
	{
		if (value_ >= 0)
			close(value_);
	}

	int get() const
	{
		return value_;
	}
	int release()
	{
		return std::exchange(value_, -1);
	}

      private:
	int value_;
};

} // namespace test_support
