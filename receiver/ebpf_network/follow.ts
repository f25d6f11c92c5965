/**
 * Keeps the programs where they belong while interfaces come, go, are renamed and change their masters: each look at
 * what the kernel lists gives a difference, which is applied step by step, off the event loop.
 */

import { WeirError } from '../../core/errors.ts';
import type { Logger } from '../../core/telemetry/log.ts';
import type { MetricRegistry } from '../../core/telemetry/metrics.ts';
import type { KernelTable, NetworkInterface } from '../../native/index.ts';
import type { Coverage } from './coverage.ts';
import { interfaceChanges } from './interface-changes.ts';
import type { InterfaceNames } from './interface-names.ts';
import {
  chooseInterfaces,
  coveredBy,
  type Hook,
  type InterfaceRules,
  type InterfaceSelection,
  sharedIndex,
} from './interfaces.ts';
import type { Ledger } from './ledger.ts';
import type { TunnelFollower } from './tunnels.ts';

export interface FollowerOptions {
  /** Id of the receiver. */
  readonly receiver: string;
  readonly rules: InterfaceRules;
  readonly table: KernelTable;
  readonly names: InterfaceNames;
  readonly ledger: Ledger;
  readonly coverage: Coverage;
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly tunnels: TunnelFollower;
  readonly listInterfaces: () => readonly NetworkInterface[];
  /** Where programs hung before this process; absent: nowhere, and nothing is covered. */
  readonly inherited?: readonly Hook[];
}

export interface Follower {
  /** Attaches to all of these or rejects; what `look` asked for meanwhile comes afterwards. */
  start(all: readonly NetworkInterface[], selection: InterfaceSelection): Promise<void>;
  /** Something changed, and these indexes went away: looks now, or once more when it is at work. */
  look(gone: Iterable<number>): void;
  /** Resolves when nothing is attached or detached any more. */
  stop(): Promise<void>;
  /** Where programs hang. */
  hooks(): readonly Hook[];
}

const keyOf = ({ index }: NetworkInterface) => index & 0xffff;
const namesOf = (hooks: readonly Hook[]) => [...new Set(hooks.map(({ iface }) => iface.name))];

export function createFollower(options: FollowerOptions): Follower {
  const { rules, table, names, coverage, tunnels, logger, listInterfaces } = options;
  const failures = createFailures(options);
  const hanging = createHanging(options);
  /** Undefined: whatever a process before has published. */
  let published: readonly number[] | undefined = options.inherited === undefined ? [] : undefined;
  let gone = new Set<number>();
  let due = false;
  let atWork = false;
  let work = Promise.resolve();
  let state: 'starting' | 'following' | 'stopped' = 'starting';

  const publish = (covered: Iterable<number>) => {
    const indexes = [...new Set(covered)].sort((a, b) => a - b);
    if (indexes.join() === published?.join()) return;
    table.setCovered(indexes);
    published = indexes;
    logger.debug('Packets from these interfaces count as they come in.', { indexes });
  };

  /**
   * No packet may count twice, and none of an interface that is counted on may be missed. Three orders see to it:
   * - What is not covered any more is published before anything is detached: while the kernel takes a program away
   *   (a grace period of some 10 ms) its packets would otherwise count neither where they come in nor where they leave.
   * - What becomes covered is published just before its ingress is attached. The program counts as soon as attaching
   *   begins, and only then does the kernel wait its grace period: published afterwards, what is forwarded in that
   *   time would count twice.
   * - Each interface goes through both on its own, so that in a batch of hundreds those that wait their turn are not
   *   covered yet, and what they forward counts where it leaves. Masters are published at once: through them come the
   *   packets of interfaces that are counted on already.
   */
  async function apply(all: readonly NetworkInterface[], selection: InterfaceSelection, taken: ReadonlySet<number>) {
    const { attachments } = selection;
    const { detach, attach, renamed } = interfaceChanges(hanging.hooks(), attachments, taken);
    const incoming = new Set(attach.flatMap(({ iface, direction }) => (direction === 'ingress' ? [iface.index] : [])));
    publish(selection.covered.filter((index) => !incoming.has(index)));
    for (const hook of detach) await hanging.detach(hook);
    for (const { before, after } of renamed) hanging.rename(before, after);

    const ready = new Set(attach.map(({ iface }) => iface).filter((iface) => names.isFree(keyOf(iface), iface.name)));
    await coverage.begin(attachments.filter(({ iface }) => ready.has(iface)));
    const attached: Hook[] = [];
    for (const hook of attach) {
      const { iface, direction } = hook;
      if (state === 'stopped') break;
      if (!ready.has(iface)) {
        // Rows of another interface have its key: it comes when they are out, unless that one is still there.
        const other = hanging.hooks().find((known) => keyOf(known.iface) === keyOf(iface))?.iface;
        if (other !== undefined) failures.note(iface, sharedIndex(other, iface, rules));
        continue;
      }
      try {
        if (direction === 'ingress' && !rules.everyInterface) publish([...(published ?? []), iface.index]);
        await hanging.attach(hook);
        attached.push(hook);
      } catch (error) {
        failures.note(iface, error);
        if (state === 'starting' && !isGone(error)) throw error;
      }
    }
    publish(coveredBy(hanging.hooks(), all, rules));
    if (state === 'following' && attached.length + detach.length > 0) {
      logger.info('Interfaces changed.', { attached: namesOf(attached), detached: namesOf(detach) });
    }
  }

  async function rounds(): Promise<void> {
    atWork = true;
    while (due && state === 'following') {
      due = false;
      const taken = gone;
      gone = new Set();
      try {
        // First, since what a new device carries is known by it as soon as it is counted.
        tunnels.look();
        const all = listInterfaces();
        await apply(all, chooseInterfaces(all, rules), taken);
      } catch (error) {
        for (const index of taken) gone.add(index);
        logger.error('Cannot follow the interfaces; trying again at their next change.', { error });
      }
    }
    atWork = false;
  }

  return {
    async start(all, selection) {
      tunnels.look();
      await apply(all, selection, new Set());
      state = 'following';
      work = rounds();
    },
    look(indexes) {
      for (const index of indexes) gone.add(index);
      due = true;
      if (state === 'following' && !atWork) work = rounds();
    },
    async stop() {
      state = 'stopped';
      await work;
    },
    hooks: hanging.hooks,
  };
}

const isGone = (error: unknown) => error instanceof WeirError && error.code === 'interface/missing';

/** Where programs hang, with the name, the ledger and the coverage of each interface. */
function createHanging({ table, names, ledger, coverage, logger, inherited = [] }: FollowerOptions) {
  let hooks = inherited;
  for (const { iface, direction } of inherited) {
    names.set(keyOf(iface), iface.name);
    table.rename(iface);
    ledger.show(keyOf(iface), direction);
  }
  const forget = (iface: NetworkInterface) => {
    if (hooks.some((hook) => hook.iface.index === iface.index)) return;
    names.release(keyOf(iface));
    coverage.end(iface.index);
  };
  return {
    hooks: () => hooks,
    async attach(hook: Hook) {
      const { iface, direction, frameStart } = hook;
      names.set(keyOf(iface), iface.name);
      try {
        const filters = await table.attachOffLoop(iface, direction, frameStart);
        if (filters.length > 0) {
          const place = { interface: iface.name, direction, filters };
          logger.warn('Filters of others see packets first: what they drop or redirect is not counted.', place);
        }
      } catch (error) {
        forget(iface);
        throw error;
      }
      hooks = [...hooks, hook];
      ledger.show(keyOf(iface), direction);
    },
    async detach(hook: Hook) {
      await table.detachOffLoop(hook.iface.index, hook.direction);
      hooks = hooks.filter((other) => other !== hook);
      forget(hook.iface);
    },
    rename(before: NetworkInterface, after: NetworkInterface) {
      const { index, name } = after;
      hooks = hooks.map((hook) => (hook.iface.index === index ? { ...hook, iface: after } : hook));
      names.set(keyOf(after), name);
      table.rename(after);
      coverage.end(index);
      logger.info('An interface has a new name.', { before: before.name, interface: name });
    },
  };
}

/** Interfaces that come and go are not worth a line; for what else fails there is one, until it fails otherwise. */
function createFailures({ receiver, metrics, logger }: FollowerOptions) {
  const counter = metrics.counter({
    name: 'otelcol_receiver_ebpf_network_attach_failures_total',
    help: 'Times a program could not be attached to an interface, whose packets are then not counted.',
  });
  counter.add(0, { receiver });
  const warned = new Map<string, string>();
  return {
    note(iface: NetworkInterface, error: unknown) {
      if (isGone(error)) {
        logger.debug('An interface went away before it could be counted on.', { interface: iface.name });
        return;
      }
      counter.add(1, { receiver });
      const text = String(error);
      if (warned.get(iface.name) === text) return;
      warned.set(iface.name, text);
      logger.warn('Cannot count on an interface.', { interface: iface.name, error });
    },
  };
}
