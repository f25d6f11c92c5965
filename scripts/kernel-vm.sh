#!/bin/bash
# Runs a command as root under another kernel: qemu in software emulation, this machine's files as a root that the
# command can write to without changing them. The command's output and exit status are this script's.
#   kernel-vm.sh FOLDER COMMAND      FOLDER as scripts/fetch-kernel.sh prints it, COMMAND for bash
# The machine has 2 CPUs, 3 GiB and no network card. A failure of its own, the time limit among them, is status 125.
#   KEEP=FOLDER  is /kept there, and what is written to it stays
#   LIMIT_S=N    ends the machine after N seconds (300)
#   ICOUNT=1     one CPU, and a clock that goes one nanosecond an instruction: each time that a program measures on its
#                CPU is a number of instructions, whatever else the host does
set -eu
kernel=$(realpath "$1")
command=$2
version=$(ls "$kernel/lib/modules")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
shared=$work/shared
initrd=$work/initrd
mkdir -p "$shared" "$initrd"/{bin,modules,proc,sys,dev,host,new}

# What the kernel needs to reach this machine's files, in the order in which it is loaded.
cp /bin/busybox "$initrd/bin/busybox"
for module in virtio_pci 9pnet_virtio 9p overlay; do
	modprobe -d "$kernel" -S "$version" --show-depends "$module"
done | awk '/^insmod/ && !seen[$2]++ { print $2 }' | while read -r file; do
	cp "$file" "$initrd/modules/"
	basename "$file" >>"$initrd/modules/order"
done

printf '%s\n' "$command" >"$shared/command"
cat >"$shared/main" <<'MAIN'
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
ip link set lo up
# A machine that booted in full has the device nodes of these.
modprobe -a tun ppp_generic
# The first serial line is the kernel's; this one carries the output and nothing else, byte for byte.
stty -F /dev/ttyS1 raw
bash /shared/command </dev/null >/dev/ttyS1 2>&1
echo $? >/shared/status
stty -F /dev/ttyS1 raw # returns when all is sent
sync
echo o >/proc/sysrq-trigger
sleep 10
MAIN
cat >"$initrd/init" <<'INIT'
#!/bin/busybox sh
b=/bin/busybox
mount() { $b mount -t "$@"; }
share() { mount 9p -o "trans=virtio,version=9p2000.L,msize=512000$3" "$1" "$2"; }
mount proc proc /proc
mount sysfs sys /sys
mount devtmpfs dev /dev
for module in $($b cat /modules/order); do
	case $module in
	*.xz) $b xz -dc "/modules/$module" >/module.ko && $b insmod /module.ko ;;
	*) $b insmod "/modules/$module" ;;
	esac
done
share host /host ,ro,cache=loose
$b mkdir /written
mount tmpfs written /written
$b mkdir /written/upper /written/work
mount overlay -o lowerdir=/host,upperdir=/written/upper,workdir=/written/work root /new
$b mkdir -p /new/lib/modules /new/shared /new/kept
share modules /new/lib/modules ,ro,cache=loose
share shared /new/shared ''
share kept /new/kept ''
mount proc proc /new/proc
mount sysfs sys /new/sys
mount bpf bpf /new/sys/fs/bpf
mount cgroup2 cgroup /new/sys/fs/cgroup
mount devtmpfs dev /new/dev
$b mkdir -p /new/dev/pts
mount devpts pts /new/dev/pts -o ptmxmode=666
mount tmpfs run /new/run
exec $b chroot /new /bin/bash /shared/main
INIT
chmod +x "$initrd/init"
(cd "$initrd" && find . | cpio --quiet -o -H newc | gzip -1) >"$work/initrd.gz"

cpus=(-smp 2)
[ -z "${ICOUNT:-}" ] || cpus=(-smp 1 -icount "shift=0,sleep=off")
shares=()
share() {
	shares+=(-fsdev "local,id=$1,path=$2,security_model=none$3" -device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}
share host / ,readonly=on,multidevs=remap
share modules "$kernel/lib/modules" ,readonly=on
share shared "$shared" ''
share kept "${KEEP:-$shared}" ''
# Where a processor has protection keys, V8 guards its code by them; emulated, that fails now and then. "Fast" string
# instructions are emulated byte by byte: without them kernel and libc copy and clear in words, ten times faster.
processor=max,pku=off,erms=off,fsrm=off
# Retpolines and cleared pages protect nothing here and cost a third of the time. `mitigations=off` would change what the
# verifier asks of programs, and is not used.
# On a busy machine the clock may not tick while the kernel looks whether it does (no_timer_check).
parameters='no_timer_check clearcpuid=rep_good spectre_v2=off init_on_alloc=0 nokaslr'
status=0
timeout "${LIMIT_S:-300}" qemu-system-x86_64 -machine q35,accel=tcg -cpu "$processor" "${cpus[@]}" -m 3G -no-reboot -nic none \
	-display none -monitor none -serial "file:$work/console" -serial stdio \
	-kernel "$kernel/boot/vmlinuz-$version" -initrd "$work/initrd.gz" -append "console=ttyS0 quiet panic=-1 $parameters" \
	"${shares[@]}" </dev/null || status=$?
if [ ! -s "$shared/status" ]; then
	tail -n 30 "$work/console" >&2
	echo "kernel-vm: $version did not come to the end of its command (qemu ended with $status)" >&2
	exit 125
fi
exit "$(cat "$shared/status")"
