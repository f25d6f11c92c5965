// SPDX-License-Identifier: Apache-2.0
#include "sign_of_life.h"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <string>

#include <sys/socket.h>
#include <sys/un.h>

#include "failure.h"

namespace weir
{

namespace
{

// Binds a socket to the program's address; errno says why it is not bound.
bool bind_address(const FileDescriptor &socket, uint32_t program_id)
{
	sockaddr_un address = {};
	address.sun_family = AF_UNIX;
	// In the abstract space, which each network namespace has of its own: it begins with a zero byte.
	const std::string name = "weir-filter-" + std::to_string(program_id);
	std::memcpy(address.sun_path + 1, name.data(), name.size());
	const auto bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
	return ::bind(socket.get(), reinterpret_cast<const sockaddr *>(&address), bytes) == 0;
}

FileDescriptor open_socket()
{
	FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	if (socket.get() < 0)
		throw Failure("socket AF_UNIX", errno);
	return socket;
}

} // namespace

FileDescriptor show_sign_of_life(uint32_t program_id)
{
	FileDescriptor socket = open_socket();
	if (!bind_address(socket, program_id))
		throw Failure("bind AF_UNIX", errno);
	return socket;
}

bool shows_sign_of_life(uint32_t program_id)
{
	const FileDescriptor socket = open_socket();
	if (bind_address(socket, program_id))
		return false;
	if (errno != EADDRINUSE)
		throw Failure("bind AF_UNIX", errno);
	return true;
}

} // namespace weir
