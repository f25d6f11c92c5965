// SPDX-License-Identifier: Apache-2.0
// Memory of large vectors in huge pages, where the kernel gives any: a first read touches tens of megabytes, and of
// small pages each costs a fault, and later a walk through the page tables wherever one is gone to at random.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include <sys/mman.h>

namespace weir
{

// Given back to the kernel as soon as it is freed. Below the size of one huge page it is any memory, since the rest of
// the page would be resident for nothing.
template <typename Value>
class HugePages
{
      public:
	using value_type = Value;

	HugePages() = default;
	template <typename Other>
	HugePages(const HugePages<Other> &)
	{
	}

	Value *allocate(size_t count)
	{
		if (is_small(count))
			return std::allocator<Value>().allocate(count);
		// Room to begin at a huge page; what is too much goes back.
		const size_t wanted = bytes(count), mapped = wanted + huge_page;
		void *address = ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (address == MAP_FAILED)
			throw std::bad_alloc();
		const auto from = reinterpret_cast<uintptr_t>(address);
		const uintptr_t begin = (from + huge_page - 1) / huge_page * huge_page;
		unmap(from, begin);
		unmap(begin + wanted, from + mapped);
		// Where it is refused, the kernel has none: pages of the usual size are as good.
		::madvise(reinterpret_cast<void *>(begin), wanted, MADV_HUGEPAGE);
		return reinterpret_cast<Value *>(begin);
	}

	void deallocate(Value *values, size_t count)
	{
		if (is_small(count))
			std::allocator<Value>().deallocate(values, count);
		else
			::munmap(values, bytes(count));
	}

	bool operator==(const HugePages &) const = default;

      private:
	static constexpr size_t huge_page = size_t{2} << 20;
	static constexpr size_t page = size_t{1} << 16; // a multiple of the usual size, on any machine

	static bool is_small(size_t count)
	{
		return count < huge_page / sizeof(Value);
	}
	static size_t bytes(size_t count)
	{
		return (count * sizeof(Value) + page - 1) / page * page;
	}
	static void unmap(uintptr_t from, uintptr_t to)
	{
		if (from < to)
			::munmap(reinterpret_cast<void *>(from), to - from);
	}
};

template <typename Value>
using HugeVector = std::vector<Value, HugePages<Value>>;

} // namespace weir
