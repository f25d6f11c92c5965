/** From what the addon threw (a call, its errno, text of libbpf) to an error that names the fix. */

import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { type ErrorCode, WeirError } from '../core/errors.ts';

const { EPERM, EACCES, EINVAL, ENOENT, ENODEV, EEXIST, ENOSYS, EOPNOTSUPP } = constants.errno;

/** Thrown by the addon: see native/async.h. */
interface NativeFailure extends Error {
  readonly call: string;
  readonly errno: number;
  readonly detail: string;
}

interface Explanation {
  readonly code: ErrorCode;
  readonly fix: string;
}

const CAPABILITIES = 'run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON';

/** A WeirError stays as it is; anything else that is not the addon's is a bug and stays as it is, too. */
export function nativeError(error: unknown): unknown {
  if (!isNativeFailure(error)) return error;
  const { code, fix } = explain(error);
  const name = error.errno > 0 ? ` (${getSystemErrorName(-error.errno)})` : '';
  const detail = error.detail.trim();
  return new WeirError(code, `${error.message}${name}${detail === '' ? '' : `\n${detail}`}`, {
    place: error.call.split(' ')[0] ?? error.call,
    fix,
    cause: error,
  });
}

function isNativeFailure(error: unknown): error is NativeFailure {
  return error instanceof Error && 'call' in error && 'errno' in error && 'detail' in error;
}

function explain({ call, errno, detail }: NativeFailure): Explanation {
  if (errno === EPERM || (errno === EACCES && !call.startsWith('bpf_prog_load'))) {
    return { code: 'kernel/permission', fix: CAPABILITIES };
  }
  if (call.startsWith('bpf_object__open_file') || call.startsWith('map ') || call.startsWith('program ')) {
    return { code: 'native/object', fix: 'build it with `npm run build:bpf`' };
  }
  if (call.startsWith('device ')) {
    return errno === EEXIST
      ? { code: 'interface/conflict', fix: 'exclude one of the two with `exclude_interfaces`' }
      : { code: 'kernel/call', fix: 'narrow down `interfaces`' };
  }
  if (call.startsWith('bpf_link_create')) return explainAttach(errno);
  if (call.startsWith('bpf_prog_load')) {
    return { code: 'kernel/program-rejected', fix: 'report it with the log file and the kernel version (uname -r)' };
  }
  if (errno === EINVAL || errno === ENOSYS || errno === EOPNOTSUPP) {
    return { code: 'kernel/unsupported', fix: 'Weir needs Linux 6.6 or later, built with CONFIG_BPF_SYSCALL' };
  }
  return { code: 'kernel/call', fix: detail === '' ? 'see the error name in errno(3)' : 'see the text above' };
}

function explainAttach(errno: number): Explanation {
  if (errno === ENODEV || errno === ENOENT) {
    return { code: 'interface/missing', fix: 'the interface went away while it was attached: check `ip link`' };
  }
  if (errno === EINVAL) return { code: 'kernel/unsupported', fix: 'attaching with tcx needs Linux 6.6 or later' };
  return { code: 'kernel/call', fix: 'see `bpftool net` for what else is attached to the interface' };
}
