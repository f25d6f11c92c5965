// SPDX-License-Identifier: Apache-2.0
// Tells other runs in the same network namespace that the process which loaded a program is alive.
#pragma once

#include <cstdint>

#include "file_descriptor.h"

namespace weir
{

// Holds until the descriptor is closed, at the latest with the process. Throws Failure.
FileDescriptor show_sign_of_life(uint32_t program_id);

// Throws Failure.
bool shows_sign_of_life(uint32_t program_id);

} // namespace weir
