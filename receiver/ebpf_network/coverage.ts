/**
 * The independent check of the ledger: bytes seen against what the interfaces themselves counted in the same time.
 * Near 1 where every packet is counted; above it where a device counts large segments before they are cut.
 */

import { readFile } from 'node:fs/promises';
import { WeirError } from '../../core/errors.ts';
import type { Logger } from '../../core/telemetry/log.ts';
import type { MetricRegistry } from '../../core/telemetry/metrics.ts';
import { type HookDirection, type NetworkNamespace, readNetDev } from '../../native/index.ts';
import type { Attachment } from './interfaces.ts';
import type { Ledger } from './ledger.ts';

/** Of this process's network namespace. */
const COUNTERS_FILE = '/proc/self/net/dev';

/** Bytes received and sent since the interface came up, by its name. */
export type InterfaceBytes = ReadonlyMap<string, Readonly<Record<HookDirection, number>>>;

export interface CoverageOptions {
  /** Id of the receiver. */
  readonly receiver: string;
  readonly ledger: Ledger;
  readonly metrics: MetricRegistry;
  readonly logger: Logger;
  /** Of the process's own network namespace, and of these. */
  readonly readInterfaceBytes: (namespaces: readonly NetworkNamespace[]) => Promise<InterfaceBytes>;
}

export interface Coverage {
  /** Reads what the interfaces count from: before the programs are attached there. Never rejects. */
  begin(attachments: readonly Attachment[]): Promise<void>;
  /** The interface is gone, or has another name: it keeps its last ratio as long as the ledger has it. */
  end(index: number): void;
  /** Compares what the ledger has with what the interfaces have now. Never rejects. */
  compare(): Promise<void>;
}

interface Baseline {
  readonly attachment: Attachment;
  readonly counters: Readonly<Record<HookDirection, number>>;
  /** Of an interface of the same name that was there before. */
  readonly seenBytes: number;
}

export function createCoverage({ receiver, ledger, metrics, logger, readInterfaceBytes }: CoverageOptions): Coverage {
  const gauge = metrics.gauge({
    name: 'otelcol_receiver_ebpf_network_coverage_ratio',
    help: "Bytes seen for each byte that the interface's own counters saw.",
  });
  ledger.onForgotten((name) => gauge.remove({ receiver, interface: name }));
  let readable = true;
  const read = async (attachments: Iterable<Attachment>): Promise<InterfaceBytes> => {
    const namespaces = new Set<NetworkNamespace>();
    for (const { iface } of attachments) if (iface.inNamespace !== undefined) namespaces.add(iface.inNamespace);
    try {
      if (readable) return await readInterfaceBytes([...namespaces]);
    } catch (error) {
      readable = false;
      logger.warn("The interfaces' own counters cannot be read: there is no coverage_ratio.", { error });
    }
    return new Map();
  };

  const baselines = new Map<number, Baseline>();
  return {
    async begin(attachments) {
      const now = await read(attachments);
      const seen = ledger.seenBytes();
      for (const attachment of attachments) {
        const { index, name } = attachment.iface;
        const counters = now.get(name);
        if (counters !== undefined) baselines.set(index, { attachment, counters, seenBytes: seen.get(name) ?? 0 });
      }
    },
    end: (index) => void baselines.delete(index),
    async compare() {
      const now = await read([...baselines.values()].map(({ attachment }) => attachment));
      const seen = ledger.seenBytes();
      for (const { attachment, counters: before, seenBytes } of baselines.values()) {
        const { iface, directions } = attachment;
        const after = now.get(iface.name);
        // Gone, or counting from zero again: nothing to compare with.
        if (after === undefined) continue;
        const counted = directions.reduce((sum, direction) => sum + after[direction] - before[direction], 0);
        const own = (seen.get(iface.name) ?? 0) - seenBytes;
        if (counted > 0) gauge.set(own / counted, { receiver, interface: iface.name });
      }
    },
  };
}

/** Of this process's network namespace, and of these. */
export async function readInterfaceBytes(namespaces: readonly NetworkNamespace[]): Promise<InterfaceBytes> {
  const own = parseInterfaceBytes(await readFile(COUNTERS_FILE, 'utf8'));
  const others = namespaces.flatMap((namespace) => {
    const text = readNetDev(namespace);
    return text === ''
      ? []
      : [...parseInterfaceBytes(text)].map(([name, bytes]) => [`${name}@${namespace.name}`, bytes] as const);
  });
  return new Map([...own, ...others]);
}

/** Two lines of headings, then `  eth0: ` with eight figures of what was received and eight of what was sent. */
export function parseInterfaceBytes(text: string): InterfaceBytes {
  const lines = text.trimEnd().split('\n').slice(2);
  return new Map(
    lines.map((line) => {
      const [, name, figures] = /^\s*(\S+):\s*(.*)$/.exec(line) ?? [];
      const values = figures?.split(/\s+/).map(Number) ?? [];
      const [ingress, egress] = [values[0], values[8]];
      if (name === undefined || ingress === undefined || egress === undefined) {
        throw new WeirError('kernel/call', `${COUNTERS_FILE} has a line of another form: ${line}`);
      }
      return [name, { ingress, egress }];
    }),
  );
}
