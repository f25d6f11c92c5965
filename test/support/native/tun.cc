// SPDX-License-Identifier: Apache-2.0
// See tun.h.

#include "tun.h"

#include <cerrno>

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include "network_namespace.h"

namespace test_support
{

Descriptor open_tun(const std::string &network_namespace, const std::string &name)
{
	ifreq request = {};
	if (name.size() >= sizeof(request.ifr_name))
		fail("tun " + name, ENAMETOOLONG);
	name.copy(request.ifr_name, name.size());
	request.ifr_flags = IFF_TUN | IFF_NO_PI;
	int descriptor = -1;
	run_in_network_namespace(network_namespace, [&] {
		Descriptor tun(checked(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK), "open /dev/net/tun"));
		checked(ioctl(tun.get(), TUNSETIFF, &request), "TUNSETIFF " + name);
		descriptor = tun.release();
	});
	return Descriptor(descriptor);
}

} // namespace test_support
