/** Why a request to the Kubernetes API did not succeed, as a reason that is counted and decides what to do next. */

/**
 * `gone`: the version or the page asked for is too old, list again. `unauthorized`: read the token again. `forbidden`: a
 * permission is missing. The others pass by themselves.
 */
export type FailureReason =
  | 'gone'
  | 'unauthorized'
  | 'forbidden'
  | 'throttled'
  | 'server_error'
  | 'refused'
  | 'unreachable'
  | 'silent'
  | 'malformed'
  | 'endless'
  | 'credentials';

export class RequestFailure extends Error {
  override readonly name = 'RequestFailure';
  readonly reason: FailureReason;
  /** The server wants no request before this has passed; 0 when it did not say. */
  readonly retryAfterMs: number;

  constructor(reason: FailureReason, message: string, details: { retryAfterMs?: number; cause?: unknown } = {}) {
    super(message, { cause: details.cause });
    this.reason = reason;
    this.retryAfterMs = details.retryAfterMs ?? 0;
  }
}

/** The failure that an HTTP status, or the code of a Status object in a stream, stands for. */
export function failureOfStatus(code: number, message: string, retryAfterMs = 0): RequestFailure {
  const text = message === '' ? `status ${code}` : `${message} (status ${code})`;
  return new RequestFailure(reasonOfStatus(code), text, { retryAfterMs });
}

function reasonOfStatus(code: number): FailureReason {
  if (code === 401) return 'unauthorized';
  if (code === 403) return 'forbidden';
  if (code === 410) return 'gone';
  if (code === 429) return 'throttled';
  return code >= 500 ? 'server_error' : 'refused';
}

/** Whatever was thrown, as a failure; what is no failure of the request itself is the connection's or the text's. */
export function failureOf(error: unknown): RequestFailure {
  if (error instanceof RequestFailure) return error;
  const { message, code } = error as NodeJS.ErrnoException;
  const reason = error instanceof SyntaxError ? 'malformed' : 'unreachable';
  return new RequestFailure(reason, code === undefined ? message : `${message} (${code})`, { cause: error });
}
