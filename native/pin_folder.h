// SPDX-License-Identifier: Apache-2.0
// A folder on a bpf file system, where maps and links stay when the process is gone. One process has it at a time.
#pragma once

#include <string>
#include <vector>

#include "file_descriptor.h"

namespace weir
{

class PinFolder
{
      public:
	// Makes the folder where there is none, and locks it; the lock goes with the process, however it ends. Throws
	// Failure: EOPNOTSUPP when it is not on a bpf file system, EAGAIN when another process has it.
	explicit PinFolder(const std::string &path);

	// Names begin with a letter and have no dots.
	std::vector<std::string> names() const;
	// A map, link or program; -1 when there is none. Throws Failure.
	FileDescriptor open(const std::string &name) const;
	void pin(int descriptor, const std::string &name) const;
	// Nothing happens when it is not there.
	void remove(const std::string &name) const;
	const std::string &path() const
	{
		return path_;
	}

      private:
	std::string place(const std::string &name) const
	{
		return path_ + "/" + name;
	}
	std::string path_;
	FileDescriptor folder_; // locked
};

} // namespace weir
