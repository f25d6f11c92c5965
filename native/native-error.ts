/** From what the addon threw (a call, its errno, text of libbpf) to an error that names the fix. */

import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { type ErrorCode, WeirError } from '../core/errors.ts';
import {
  type Capability,
  missingCapabilities,
  neededByOption,
  neededCapabilities,
  type PacketSource,
} from './capabilities.ts';

const {
  EPERM,
  EACCES,
  EAGAIN,
  EROFS,
  EINVAL,
  ENOENT,
  ENODEV,
  EEXIST,
  ENOSYS,
  EOPNOTSUPP,
  ENOMEM,
  EMFILE,
  ENFILE,
  ESTALE,
} = constants.errno;
/** Of the kernel only, where a machine cannot translate a program; not in errno(3). */
const ENOTSUPP = 524;

/** What the addon throws (native/async.h), and what Node says of its own calls. */
interface NativeFailure {
  readonly message: string;
  readonly call: string;
  readonly errno: number;
  readonly detail: string;
}

interface Explanation {
  readonly code: ErrorCode;
  readonly fix: string;
  /** What the errno does not say. */
  readonly reason?: string;
  /** In place of what libbpf said. */
  readonly detail?: string;
}

/** A WeirError stays as it is; anything else that is neither the addon's nor a system call's is a bug and stays, too. */
export function nativeError(error: unknown, source: PacketSource): unknown {
  const failure = failureOf(error);
  if (failure === undefined) return error;
  const { code, fix, reason, detail = failure.detail.trim() } = explain(failure, source);
  const name = failure.errno > 0 ? ` (${getSystemErrorName(-failure.errno)})` : '';
  const what = `${failure.message}${name}${reason === undefined ? '' : `: ${reason}`}`;
  return new WeirError(code, detail === '' ? what : `${what}\n${detail}`, { fix, cause: error });
}

function failureOf(error: unknown): NativeFailure | undefined {
  if (!(error instanceof Error && 'errno' in error)) return;
  if ('call' in error && 'detail' in error) return error as NativeFailure;
  const { syscall: call, errno, message } = error as NodeJS.ErrnoException;
  return call === undefined || errno === undefined ? undefined : { message, call, errno: -errno, detail: '' };
}

/** What a call ran out of, whichever it was. */
const shortages: ReadonlyMap<number, string> = new Map([
  [ENOMEM, 'lower cache_max_flows, or give the process or its container more memory'],
  [EMFILE, 'let the process open more files: ulimit -n, or LimitNOFILE of its service'],
  [ENFILE, 'let the system open more files: sysctl fs.file-max'],
]);

function explain({ call, errno, detail }: NativeFailure, source: PacketSource): Explanation {
  // First, since without a free descriptor the capabilities cannot be read.
  const shortage = shortages.get(errno);
  if (shortage !== undefined) return { code: 'kernel/call', fix: shortage };
  if (call.startsWith('pin_path ')) return explainPins(errno);
  // The verifier says EACCES too, of a program that it refuses; and a file that cannot be opened has nothing to do with
  // capabilities.
  const refused = errno === EACCES && !/^(bpf_prog_load|bpf_object__open_file)/.test(call);
  if (errno === EPERM && call.startsWith('setns ')) return explainNamespace();
  if (errno === EPERM || refused) return explainPermission(source, detail);
  if (call.startsWith('bpf_object__open_file') || call.startsWith('map ') || call.startsWith('program ')) {
    return { code: 'native/object', fix: 'build it with `npm run build:bpf`' };
  }
  if (errno === ESTALE && call.startsWith('network namespace ')) {
    return { code: 'interface/missing', fix: 'its network namespace went away: check `ip netns`' };
  }
  if (call.startsWith('device ')) {
    return errno === EEXIST
      ? { code: 'interface/conflict', fix: 'exclude one of the two with `exclude_interfaces`' }
      : { code: 'kernel/call', fix: 'narrow down `interfaces`' };
  }
  if (/^(bpf_link_create|bpf_tc_|packet socket)/.test(call)) return explainAttach(call, errno);
  if (call.startsWith('bpf_prog_load')) {
    if (missingCapabilities(['CAP_PERFMON']).length > 0) return refusedWithoutTrust;
    return { code: 'kernel/program-rejected', fix: 'report it with the log file and the kernel version (uname -r)' };
  }
  if (errno === EINVAL || errno === ENOSYS || errno === EOPNOTSUPP || errno === ENOTSUPP) {
    return { code: 'kernel/unsupported', fix: 'Weir needs Linux 5.15 or later, built with CONFIG_BPF_SYSCALL' };
  }
  return { code: 'kernel/call', fix: detail === '' ? 'see the error name in errno(3)' : 'see the text above' };
}

function explainPins(errno: number): Explanation {
  const code = 'kernel/pins';
  if (errno === EOPNOTSUPP) {
    const fix = 'name a folder on one, such as /sys/fs/bpf/weir; `mount -t bpf bpf /sys/fs/bpf` where none is mounted';
    return { code, reason: 'it is not on a bpf file system', fix };
  }
  if (errno === EAGAIN) {
    const fix = 'stop that one, or give each agent a pin_path of its own';
    return { code, reason: 'another agent that is alive uses it', fix };
  }
  if (errno === EPERM || errno === EACCES || errno === EROFS) {
    const fix = 'let this user write there; names on a bpf file system have no dots';
    return { code, reason: 'it cannot be written', fix };
  }
  return { code, fix: 'remove what is in the folder (`rm -r`), or name another one' };
}

/**
 * Some stable kernels (such as 6.1.170) refuse a process without CAP_PERFMON to write half of a stack slot twice, which
 * compilers do; others load the program of the packet socket without it.
 */
const refusedWithoutTrust: Explanation = {
  code: 'kernel/permission',
  reason: 'the verifier of this kernel refuses the program to a process without CAP_PERFMON',
  fix: 'give this process CAP_PERFMON as well',
};

/** Whatever the source: it is what the other namespaces want. */
function explainNamespace(): Explanation {
  const missing = missingCapabilities(neededByOption['netns: all']);
  const fix = 'give this process CAP_SYS_ADMIN, or set netns: host';
  return { code: 'kernel/permission', fix, ...(missing.length > 0 ? { reason: lacks(missing) } : {}) };
}

/** libbpf guesses at memory limits and kernel options here, so of its text only the name of the log file stays. */
function explainPermission(source: PacketSource, text: string): Explanation {
  const code = 'kernel/permission';
  const detail = text.split('\n').findLast((line) => line.startsWith('full log in ')) ?? '';
  const missing = missingCapabilities(neededCapabilities[source]);
  if (missing.length > 0) return { code, detail, ...lacking(source, missing) };
  return {
    code,
    detail,
    fix: 'every capability is there: seccomp, the kernel lockdown or a user namespace forbids it',
  };
}

/**
 * Throws kernel/permission when this process may not load and attach the programs of a source as they are meant to run.
 * Without CAP_PERFMON some kernels load them with barriers against speculation, and others refuse them: the answer is to
 * be the same on all.
 */
export function needCapabilities(source: PacketSource): void {
  const missing = missingCapabilities(neededCapabilities[source]);
  if (missing.length === 0) return;
  const { reason, fix } = lacking(source, missing);
  throw new WeirError('kernel/permission', reason, { fix });
}

/** Throws kernel/permission when this process may not do what an option asks for. */
export function needForOption(option: keyof typeof neededByOption): void {
  const missing = missingCapabilities(neededByOption[option]);
  if (missing.length === 0) return;
  const fix = `give this process ${listed(missing)}, or leave out ${option}`;
  throw new WeirError('kernel/permission', `${option}: ${lacks(missing)}`, { fix });
}

function lacking(source: PacketSource, missing: readonly Capability[]): { reason: string; fix: string } {
  const fix =
    process.geteuid?.() === 0
      ? `give this process ${listed(missing)}, such as with --cap-add of the container`
      : `run as root, or with ${listed(neededCapabilities[source])}`;
  return { fix, reason: lacks(missing) };
}

const lacks = (missing: readonly Capability[]) => `the process lacks ${listed(missing)}`;
const listed = (names: readonly string[]) => new Intl.ListFormat('en-GB').format(names);

function explainAttach(call: string, errno: number): Explanation {
  if (errno === ENODEV || errno === ENOENT) {
    return { code: 'interface/missing', fix: 'the interface went away while it was attached: check `ip link`' };
  }
  if (errno === EINVAL && call.startsWith('bpf_link_create')) {
    const fix =
      'tcx needs Linux 6.6 or later: set traffic_control_backend: auto, which takes clsact where there is none';
    return { code: 'kernel/unsupported', fix };
  }
  if (errno === EEXIST && call.startsWith('bpf_tc_hook_create')) {
    const fix =
      'see `tc qdisc show`: remove it (such as `ingress`), exclude the interface, or set source: socket_filter';
    return { code: 'kernel/call', fix };
  }
  return { code: 'kernel/call', fix: 'see `bpftool net` for what else is attached to the interface' };
}
