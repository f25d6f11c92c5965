/** Waiting that a signal ends. */

/** Undefined when the signal aborts first. */
export async function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value | undefined> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const onAbort = () => resolve(undefined);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort);
  const first = await Promise.race([promise, aborted]);
  signal.removeEventListener('abort', onAbort);
  return first;
}
