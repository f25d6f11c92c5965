// SPDX-License-Identifier: Apache-2.0
#include "flow_reader.h"

#include <chrono>
#include <utility>

#include <bpf/bpf.h>
#include <endian.h>
#include <netinet/in.h>

#include "failure.h"
#include "grace_period.h"

namespace weir {

namespace {

// An idle TCP connection whose opening was seen keeps its slot this many times longer, since with the slot goes the
// knowledge of who opened it; FIN, RST or a table more than half full end that.
constexpr uint32_t open_connection_factor = 120;

// enum of the row's initiator column
constexpr uint8_t initiator_unknown = 0, initiator_source = 1, initiator_destination = 2;

uint8_t initiator_of(uint32_t signals)
{
	if (signals & SIGNAL_SYN_SENT)
		return initiator_source;
	return signals & SIGNAL_SYN_ACK_SENT ? initiator_destination : initiator_unknown;
}

uint64_t load(const __u64 &counter)
{
	return __atomic_load_n(&counter, __ATOMIC_RELAXED);
}

uint32_t max_entries_of(int descriptor)
{
	bpf_map_info info = {};
	uint32_t bytes = sizeof(info);
	if (bpf_obj_get_info_by_fd(descriptor, &info, &bytes))
		throw Failure("bpf_obj_get_info_by_fd", errno);
	return info.max_entries;
}

} // namespace

FlowReader::FlowReader(const BpfObject &object, uint32_t idle_windows)
    : slots_descriptor_(object.map_descriptor("flow_slots")), cold_descriptor_(object.map_descriptor("flow_cold")),
      max_slots_(max_entries_of(slots_descriptor_)), idle_windows_(idle_windows),
      control_(object.map_descriptor(".data.control"), 1, ".data.control"),
      overflow_(object.map_descriptor("overflow_0"), object.map_descriptor("overflow_1"))
{
	follow_mask();
}

// Maps as many slots as the program uses by now; the mask never shrinks.
void FlowReader::follow_mask()
{
	const size_t slots = static_cast<size_t>(__atomic_load_n(&control_->mask, __ATOMIC_ACQUIRE)) + 1;
	if (slots == slots_.size())
		return;
	slots_ = MapView<flow_slot>(slots_descriptor_, slots, "flow_slots");
	known_.resize(slots);
}

const MapView<flow_cold> &FlowReader::cold()
{
	if (!cold_)
		cold_.emplace(cold_descriptor_, slots_.size(), "flow_cold");
	return *cold_;
}

uint32_t FlowReader::idle_limit() const
{
	const bool crowded = __atomic_load_n(&control_->used, __ATOMIC_RELAXED) > max_slots_ / 2;
	return crowded ? 1 : idle_windows_;
}

size_t FlowReader::row_bound() const
{
	return __atomic_load_n(&control_->used, __ATOMIC_RELAXED) +
	       __atomic_load_n(&control_->overflow_used[0], __ATOMIC_RELAXED) +
	       __atomic_load_n(&control_->overflow_used[1], __ATOMIC_RELAXED) + overflow_flows_.size();
}

Window FlowReader::collect(const Columns &columns)
{
	const auto start = std::chrono::steady_clock::now();
	Window window;
	window.first_new_endpoint = interner_.addresses().size();
	pending_.clear();
	idle_.clear();
	overflow_.drain(*control_.operator->(), overflow_flows_);
	// Programs stamp packets with the new epoch from here on; a slot stamped with an older one was idle since.
	__atomic_add_fetch(&control_->epoch, 1, __ATOMIC_SEQ_CST);
	follow_mask();
	scan(columns, window);
	write_overflow(columns, window);
	cold_.reset();
	window.slots = static_cast<uint32_t>(slots_.size());
	window.used_slots = __atomic_load_n(&control_->used, __ATOMIC_RELAXED);
	window.overflow_flows = overflow_flows_.size();
	window.scan_ns = static_cast<uint64_t>(
	    std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now() - start).count());
	return window;
}

void FlowReader::scan(const Columns &columns, Window &window)
{
	const uint32_t epoch = __atomic_load_n(&control_->epoch, __ATOMIC_RELAXED);
	const uint32_t limit = idle_limit();

	for (uint32_t index = 0; index < slots_.size(); index++) {
		const flow_slot &slot = slots_[index];
		// Before the key: a free slot still shows the key of the flow it had.
		const uint32_t state = __atomic_load_n(&slot.state, __ATOMIC_ACQUIRE);
		if (state != SLOT_READY && state != SLOT_DEAD)
			continue;
		Known &known = known_[index];
		const uint64_t bytes = load(slot.bytes), packets = load(slot.packets);
		if (bytes == known.bytes && packets == known.packets) {
			// The window just read is one; more than `limit` of them without a packet is idle.
			if (state == SLOT_DEAD || epoch - slot.epoch > limit)
				idle_.push_back(index);
			continue;
		}
		if (window.rows == columns.capacity) {
			window.complete = false;
			continue;
		}
		if (known.endpoint_epoch != endpoint_epoch_)
			read_identity(index, known);
		write_row(columns, window, slot.key, known, bytes - known.bytes, packets - known.packets);
		pending_.push_back({.index = index, .bytes = bytes, .packets = packets});
	}
}

void FlowReader::read_identity(uint32_t index, Known &known)
{
	const flow_key &key = slots_[index].key;
	if (known.endpoint_epoch == 0 && key.transport == IPPROTO_TCP)
		known.initiator = initiator_of(__atomic_load_n(&cold()[index].signals, __ATOMIC_RELAXED));
	known.src = interner_.code(key.src);
	known.dst = interner_.code(key.dst);
	known.endpoint_epoch = endpoint_epoch_;
}

void FlowReader::write_row(const Columns &columns, Window &window, const flow_key &key, const Known &known,
			   uint64_t bytes, uint64_t packets)
{
	const size_t row = window.rows++;
	columns.src[row] = known.src;
	columns.dst[row] = known.dst;
	columns.src_port[row] = be16toh(key.src_port);
	columns.dst_port[row] = be16toh(key.dst_port);
	columns.transport[row] = key.transport;
	columns.direction[row] = key.direction;
	columns.iface[row] = key.iface;
	columns.initiator[row] = known.initiator;
	columns.bytes[row] = static_cast<double>(bytes);
	columns.packets[row] = static_cast<double>(packets);

	flow_amount &sum = window.sums[static_cast<uint32_t>(key.iface) << 1 | key.direction];
	sum.bytes += bytes;
	sum.packets += packets;
}

// Drained flows have no slot, so nobody knows who opened them.
void FlowReader::write_overflow(const Columns &columns, Window &window)
{
	overflow_written_ = 0;
	for (const OverflowFlow &flow : overflow_flows_) {
		if (window.rows == columns.capacity) {
			window.complete = false;
			return;
		}
		Known known = {};
		known.src = interner_.code(flow.key.src);
		known.dst = interner_.code(flow.key.dst);
		write_row(columns, window, flow.key, known, flow.amount.bytes, flow.amount.packets);
		overflow_written_++;
	}
}

size_t FlowReader::commit()
{
	for (const Pending &row : pending_) {
		known_[row.index].bytes = row.bytes;
		known_[row.index].packets = row.packets;
	}
	pending_.clear();
	overflow_flows_.erase(overflow_flows_.begin(),
			      overflow_flows_.begin() + static_cast<std::ptrdiff_t>(overflow_written_));
	overflow_written_ = 0;

	// Only slots that this call marks are freed by it. Should it fail, the next scan finds the dead ones again.
	const uint32_t epoch = __atomic_load_n(&control_->epoch, __ATOMIC_RELAXED);
	std::vector<uint32_t> dead;
	for (const uint32_t index : std::exchange(idle_, {})) {
		if (may_free(index, epoch - slots_[index].epoch) && mark_dead(index))
			dead.push_back(index);
	}
	cold_.reset();
	if (dead.empty())
		return 0;
	wait_for_running_programs();
	size_t freed = 0;
	for (const uint32_t index : dead)
		freed += free_slot(index);
	return freed;
}

bool FlowReader::may_free(uint32_t index, uint32_t idle_epochs)
{
	const Known &known = known_[index];
	const uint32_t limit = idle_limit();
	if (known.initiator == initiator_unknown || limit == 1 || idle_epochs > limit * open_connection_factor)
		return true;
	return (__atomic_load_n(&cold()[index].signals, __ATOMIC_RELAXED) & (TCP_FLAG_FIN | TCP_FLAG_RST)) != 0;
}

// From here on no program that starts counts into the slot; those that run are waited for.
bool FlowReader::mark_dead(uint32_t index)
{
	uint32_t expected = SLOT_READY;
	return __atomic_compare_exchange_n(&slots_[index].state, &expected, SLOT_DEAD, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST) ||
	       expected == SLOT_DEAD;
}

// A packet that came between the scan and the mark stays in the dead slot for the next collect.
bool FlowReader::free_slot(uint32_t index)
{
	flow_slot &slot = slots_[index];
	if (load(slot.bytes) != known_[index].bytes || load(slot.packets) != known_[index].packets)
		return false;
	known_[index] = {};
	__atomic_store_n(&slot.bytes, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&slot.packets, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&slot.state, SLOT_FREE, __ATOMIC_RELEASE);
	__atomic_sub_fetch(&control_->used, 1, __ATOMIC_RELAXED);
	return true;
}

void FlowReader::new_endpoint_epoch()
{
	interner_.clear();
	endpoint_epoch_++;
}

} // namespace weir
