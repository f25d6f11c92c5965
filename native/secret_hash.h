// SPDX-License-Identifier: Apache-2.0
// The hash of tables whose keys strangers choose. Addresses and ports come with packets: whoever could compute the
// hash could send some that all collide, and every look-up would walk past all others.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <system_error>

#include <sys/random.h>

namespace weir
{

class SecretHash
{
      public:
	// Of words, by folded multiplications as in wyhash (Wang Yi, public domain), begun with a secret of this
	// process.
	template <typename... Words>
	static uint64_t of(Words... words)
	{
		const uint64_t all[sizeof...(words) + 1] = {words..., 0};
		uint64_t hash = secrets[0];
		for (size_t at = 0; at < sizeof...(words); at += 2)
			hash = fold(all[at] ^ secrets[1], all[at + 1] ^ hash);
		return fold(hash ^ secrets[2], sizeof...(words) ^ secrets[3]);
	}

      private:
	using Secrets = std::array<uint64_t, 4>;

	static uint64_t fold(uint64_t left, uint64_t right)
	{
		__extension__ using Wide = unsigned __int128;
		const Wide product = Wide{left} * right;
		return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
	}

	static Secrets draw()
	{
		Secrets drawn;
		// So few bytes come whole or not at all.
		while (getrandom(drawn.data(), sizeof(drawn), 0) < 0)
			if (errno != EINTR)
				throw std::system_error(errno, std::generic_category(), "getrandom");
		return drawn;
	}

	static inline const Secrets secrets = draw();
};

} // namespace weir
