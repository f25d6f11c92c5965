// SPDX-License-Identifier: Apache-2.0
#include "pin_folder.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "failure.h"

namespace weir
{

namespace
{

constexpr long bpf_file_system = 0xcafe4a11; // BPF_FS_MAGIC
constexpr mode_t for_the_owner = 0700;

bool on_bpf_file_system(const std::string &path)
{
	struct statfs about = {};
	if (::statfs(path.c_str(), &about))
		throw Failure("pin_path " + path, errno);
	return static_cast<long>(about.f_type) == bpf_file_system;
}

// With the folders above it. Folders are made on a bpf file system only: elsewhere nothing may be left behind.
void make_folder(const std::string &path)
{
	struct stat about = {};
	if (::stat(path.c_str(), &about) == 0) {
		if (!S_ISDIR(about.st_mode))
			throw Failure("pin_path " + path, ENOTDIR);
		return;
	}
	if (errno != ENOENT)
		throw Failure("pin_path " + path, errno);
	const size_t slash = path.rfind('/');
	const std::string above = slash == 0 || slash == std::string::npos ? "/" : path.substr(0, slash);
	make_folder(above);
	if (!on_bpf_file_system(above))
		throw Failure("pin_path " + path, EOPNOTSUPP);
	if (::mkdir(path.c_str(), for_the_owner) && errno != EEXIST)
		throw Failure("pin_path " + path, errno);
}

std::string without_last_slashes(std::string path)
{
	while (path.size() > 1 && path.back() == '/')
		path.pop_back();
	return path;
}

} // namespace

PinFolder::PinFolder(const std::string &path) : path_(without_last_slashes(path))
{
	make_folder(path_);
	if (!on_bpf_file_system(path_))
		throw Failure("pin_path " + path_, EOPNOTSUPP);
	if (::access(path_.c_str(), W_OK | X_OK))
		throw Failure("pin_path " + path_, errno);
	folder_ = FileDescriptor(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (folder_.get() < 0 || ::flock(folder_.get(), LOCK_EX | LOCK_NB))
		throw Failure("pin_path " + path_, errno);
}

std::vector<std::string> PinFolder::names() const
{
	DIR *entries = ::opendir(path_.c_str());
	if (!entries)
		throw Failure("pin_path " + path_, errno);
	std::vector<std::string> names;
	while (const dirent *entry = ::readdir(entries)) {
		if (entry->d_name[0] != '.')
			names.emplace_back(entry->d_name);
	}
	::closedir(entries);
	return names;
}

FileDescriptor PinFolder::open(const std::string &name) const
{
	FileDescriptor pinned(bpf_obj_get(place(name).c_str()));
	if (pinned.get() < 0 && errno != ENOENT)
		throw Failure("pin_path " + place(name), errno);
	return pinned;
}

void PinFolder::pin(int descriptor, const std::string &name) const
{
	if (bpf_obj_pin(descriptor, place(name).c_str()))
		throw Failure("pin_path " + place(name), errno);
}

void PinFolder::remove(const std::string &name) const
{
	if (::unlink(place(name).c_str()) && errno != ENOENT)
		throw Failure("pin_path " + place(name), errno);
}

} // namespace weir
