// SPDX-License-Identifier: Apache-2.0
// The connections of this process as a later one with the same pins must know them: what is left of them is no flow of
// that one either. A connection is kept as soon as it is opened; its end is noted with the next list.
//
// One call at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "file_descriptor.h"
#include "own_connections.h"

namespace weir
{

class PinnedMaps;

class KeptConnections
{
      public:
	// Those of processes before, as far as they were open, have ended with their process.
	explicit KeptConnections(const PinnedMaps &maps);

	void add(const OwnConnection &connection);
	// All that this process has. Those of processes before are added to it while any of their packets may be read,
	// and what there is then is what is kept: a kill at any moment leaves the list before, or this one.
	void replace(std::vector<OwnConnection> &connections);

      private:
	// Two lists; the number of the one that holds. A record without a time of opening ends a list.
	struct Head {
		uint64_t list;
	};
	OwnConnection *list(uint64_t number) const;

	MapView<Head> head_;
	MapView<OwnConnection> records_;
	size_t used_ = 0; // of the list that holds
	std::vector<OwnConnection> inherited_;
	uint64_t inherited_ns_;
};

} // namespace weir
