/** What the receiver does with the tables of an agent before, which `pin_path` kept: go on with them, or say their loss. */

import type { Logger } from '../../core/telemetry/log.ts';
import type { KernelTable, NetworkInterface } from '../../native/index.ts';
import type { EbpfNetworkConfig } from './config.ts';
import type { InterfaceNames } from './interface-names.ts';
import { type Attachment, frameStartOf, type Hook } from './interfaces.ts';
import type { Ledger } from './ledger.ts';

/** Where the table is to stay; undefined when nothing is to outlive the agent. */
export function pinPlace({ pin_path, deduper }: EbpfNetworkConfig) {
  return pin_path === '' ? undefined : { path: pin_path, settings: { deduper } };
}

/**
 * The hooks of the table that this host still has; undefined when the table is new. Names of all interfaces that it may
 * have flows of are known from here on.
 */
export async function takeOver(
  table: KernelTable,
  all: readonly NetworkInterface[],
  names: InterfaceNames,
  logger: Logger,
): Promise<readonly Hook[] | undefined> {
  if (table.takenOver === undefined) return undefined;
  for (const { iface, name } of table.takenOver.names) {
    names.set(iface, name);
    names.release(iface);
  }
  const hooks: Hook[] = [];
  for (const { index, direction } of table.takenOver.hooks) {
    const iface = all.find((one) => one.index === index);
    const frameStart = iface === undefined ? undefined : frameStartOf(iface);
    if (iface === undefined || frameStart === undefined) await table.detachOffLoop(index, direction);
    else hooks.push({ iface, direction, frameStart });
  }
  const interfaces = [...new Set(hooks.map(({ iface }) => iface.name))];
  logger.info('Took over a table that was counting: nothing is missing.', { interfaces });
  return hooks;
}

/** Interfaces of hooks, in the form in which they are chosen. */
export function attachmentsOf(hooks: readonly Hook[]): Attachment[] {
  const byIndex = Map.groupBy(hooks, ({ iface }) => iface.index);
  return [...byIndex.values()].map((own) => ({ ...own[0]!, directions: own.map(({ direction }) => direction) }));
}

/** Says why a table was not taken over, and counts what it still had as lost. */
export function reportRefused({ refusedPins }: KernelTable, path: string, ledger: Ledger, logger: Logger): void {
  if (refusedPins === undefined) return;
  const { differences, amounts, names } = refusedPins;
  const message = 'The table of an earlier agent does not fit: it was removed, and counting starts anew.';
  if (amounts === undefined) {
    logger.warn(message, { pin_path: path, differences, lost: 'unknown, since its layout is' });
    return;
  }
  const nameOf = new Map(names.map(({ iface, name }) => [iface, name]));
  for (const { iface, direction, ...amount } of amounts) {
    ledger.lostBefore('pins_refused', nameOf.get(iface) ?? `${iface}`, direction, amount);
  }
  const lost = { bytes: 0, packets: 0 };
  for (const { bytes, packets } of amounts) {
    lost.bytes += bytes;
    lost.packets += packets;
  }
  logger.warn(message, { pin_path: path, differences, lost_bytes: lost.bytes, lost_packets: lost.packets });
}
