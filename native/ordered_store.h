// SPDX-License-Identifier: Apache-2.0
// Stores into memory that outlives the process. One that is killed has made the stores that the program makes up to
// some point, in this order; the compiler must not change it.
#pragma once

#include <atomic>
#include <cstdint>

namespace weir
{

inline void keep_order()
{
	std::atomic_signal_fence(std::memory_order_seq_cst);
}

inline void store_in_order(uint64_t &place, uint64_t value)
{
	keep_order();
	__atomic_store_n(&place, value, __ATOMIC_RELEASE);
	keep_order();
}

} // namespace weir
