/** Makes a few calls of many: the first at once, then one for all that came in a while. */

export interface InterfaceWatch {
  /** No call comes after it. A second close does nothing. */
  close(): void;
}

/** Time between two calls: short against the 100 ms in which a new interface is to be counted on. */
const INTERVAL_MS = 25;

/** `subscribe` begins the notifications and returns what ends them. */
export function throttle(
  subscribe: (notify: (indexes: readonly number[]) => void) => () => void,
  onChange: (indexes: ReadonlySet<number>) => void,
): InterfaceWatch {
  let gathered = new Set<number>();
  let pending = false;
  let timer: NodeJS.Timeout | undefined;
  const tell = () => {
    const indexes = gathered;
    gathered = new Set();
    pending = false;
    timer = setTimeout(() => {
      timer = undefined;
      if (pending) tell();
    }, INTERVAL_MS).unref();
    onChange(indexes);
  };
  const unsubscribe = subscribe((indexes) => {
    for (const index of indexes) gathered.add(index);
    pending = true;
    if (timer === undefined) tell();
  });
  return {
    close() {
      clearTimeout(timer);
      pending = false;
      unsubscribe();
    },
  };
}
