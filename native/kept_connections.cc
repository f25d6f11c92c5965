// SPDX-License-Identifier: Apache-2.0
#include "kept_connections.h"

#include <algorithm>

#include "ordered_store.h"
#include "pins.h"

namespace weir
{

namespace
{

// More than a process remembers of its own; with those before it, the oldest are forgotten.
constexpr size_t list_records = 8192;
// As long as a process remembers its own that are closed (core/network/own-connections.ts).
constexpr uint64_t remembered_ns = 600'000'000'000;

} // namespace

KeptConnections::KeptConnections(const PinnedMaps &maps)
    : head_(maps.own("connections_at", sizeof(Head), 1), 1, "connections_at"),
      records_(maps.own("connections", sizeof(OwnConnection), 2 * list_records), 2 * list_records, "connections"),
      inherited_ns_(monotonic_ns())
{
	const OwnConnection *known = list(head_->list);
	while (used_ < list_records && known[used_].opened_ns != 0)
		used_++;
	inherited_.assign(known, known + used_);
	for (OwnConnection &connection : inherited_)
		connection.closed_ns = std::min(connection.closed_ns, inherited_ns_);
}

OwnConnection *KeptConnections::list(uint64_t number) const
{
	return &records_[(number & 1) * list_records];
}

void KeptConnections::add(const OwnConnection &connection)
{
	if (used_ == list_records)
		return; // until the next list
	OwnConnection *known = list(head_->list);
	if (used_ + 1 < list_records)
		known[used_ + 1].opened_ns = 0;
	keep_order();
	OwnConnection &place = known[used_++];
	OwnConnection unopened = connection;
	unopened.opened_ns = 0;
	place = unopened;
	store_in_order(place.opened_ns, connection.opened_ns);
}

void KeptConnections::replace(std::vector<OwnConnection> &connections)
{
	if (monotonic_ns() - inherited_ns_ > remembered_ns)
		inherited_.clear();
	connections.insert(connections.end(), inherited_.begin(), inherited_.end());
	const size_t count = std::min(connections.size(), list_records);
	const uint64_t next = head_->list + 1;
	OwnConnection *place = list(next);
	std::copy_n(connections.begin(), count, place);
	if (count < list_records)
		place[count].opened_ns = 0;
	store_in_order(head_->list, next);
	used_ = count;
}

} // namespace weir
