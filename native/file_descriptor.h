// SPDX-License-Identifier: Apache-2.0
// Owners of what the kernel hands out: file descriptors and mappings, given back when they go out of scope.
#pragma once

#include <cstddef>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>

#include "failure.h"

namespace weir
{

class FileDescriptor
{
      public:
	FileDescriptor() = default;
	explicit FileDescriptor(int number) : number_(number) {}
	FileDescriptor(FileDescriptor &&other) noexcept : number_(std::exchange(other.number_, -1)) {}
	FileDescriptor &operator=(FileDescriptor &&other) noexcept
	{
		std::swap(number_, other.number_);
		return *this;
	}
	~FileDescriptor()
	{
		if (number_ >= 0)
			::close(number_);
	}
	int get() const
	{
		return number_;
	}

      private:
	int number_ = -1;
};

// A shared, writable view of the first `count` elements of a mmapable BPF map.
template <typename Element>
class MapView
{
      public:
	MapView() = default;
	MapView(int map_descriptor, size_t count, const char *name) : count_(count)
	{
		void *address = ::mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, map_descriptor, 0);
		if (address == MAP_FAILED)
			throw Failure(std::string("mmap of map ") + name, errno);
		elements_ = static_cast<Element *>(address);
	}
	MapView(MapView &&other) noexcept
	    : elements_(std::exchange(other.elements_, nullptr)), count_(std::exchange(other.count_, 0))
	{
	}
	MapView &operator=(MapView &&other) noexcept
	{
		std::swap(elements_, other.elements_);
		std::swap(count_, other.count_);
		return *this;
	}
	~MapView()
	{
		if (elements_)
			::munmap(elements_, bytes());
	}
	Element &operator[](size_t index) const
	{
		return elements_[index];
	}
	Element *operator->() const
	{
		return elements_;
	}
	size_t size() const
	{
		return count_;
	}

      private:
	size_t bytes() const
	{
		const size_t page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
		return (count_ * sizeof(Element) + page - 1) / page * page;
	}
	Element *elements_ = nullptr;
	size_t count_ = 0;
};

} // namespace weir
