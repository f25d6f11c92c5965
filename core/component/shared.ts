/**
 * What is expensive to hold, shared by configuration: components of one agent that ask under the same key get the same
 * thing, which is closed when the last of them gives it back.
 */

export interface Share<Value> {
  readonly value: Value;
  /** Safe when called twice. */
  release(): Promise<void>;
}

/** `agent` parts the agents of one process from each other: what all components of one agent have in common. */
export function createShared<Value>(close: (value: Value) => Promise<void>) {
  const held = new WeakMap<object, Map<string, { readonly value: Value; users: number }>>();

  return (agent: object, key: string, make: () => Value): Share<Value> => {
    const ofAgent = held.get(agent) ?? new Map<string, { readonly value: Value; users: number }>();
    held.set(agent, ofAgent);
    const one = ofAgent.get(key) ?? { value: make(), users: 0 };
    ofAgent.set(key, one);
    one.users += 1;
    let released = false;
    return {
      value: one.value,
      async release() {
        if (released) return;
        released = true;
        one.users -= 1;
        if (one.users > 0) return;
        ofAgent.delete(key);
        await close(one.value);
      },
    };
  };
}
