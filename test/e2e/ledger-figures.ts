/** The ledger of a running agent, scraped from its own endpoint, and what the kernel counted meanwhile. */

import { text } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import type { NetworkNamespace, VethEnd } from '../support/network-namespace.ts';

const PREFIX = 'otelcol_receiver_ebpf_network_';

/** Values by name without its prefix, then by labels without the receiver: `eth0 ingress`, `eth0 egress protocol`. */
export type Figures = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** All that the agent says of itself. */
export async function scrapeText(namespace: NetworkNamespace): Promise<string> {
  const script = 'process.stdout.write(await (await fetch("http://localhost:8888/metrics")).text())';
  const stdio = ['ignore', 'pipe', 'inherit'] as const;
  const child = namespace.spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: [...stdio] });
  return text(child.stdout!);
}

export async function scrape(namespace: NetworkNamespace): Promise<Figures> {
  const figures = new Map<string, Map<string, number>>();
  for (const [, name = '', labels = '', value] of (await scrapeText(namespace)).matchAll(/^(\w+)\{(.*)\} (\S+)$/gm)) {
    if (!name.startsWith(PREFIX)) continue;
    const label = (key: string) => new RegExp(`\\b${key}="([^"]*)"`).exec(labels)?.[1];
    if (label('receiver') !== 'ebpf_network') throw new Error(`${name} is of no receiver: ${labels}`);
    const place = ['interface', 'direction', 'reason', 'state'].map(label).filter((part) => part !== undefined);
    const ofName = figures.get(name.slice(PREFIX.length)) ?? new Map<string, number>();
    figures.set(name.slice(PREFIX.length), ofName.set(place.join(' '), Number(value)));
  }
  return figures;
}

/** Sum of a figure at one hook, over its reasons. */
export function at(figures: Figures, name: string, hook: string): number {
  const values = [...(figures.get(name) ?? [])].filter(([place]) => place === hook || place.startsWith(`${hook} `));
  return values.reduce((sum, [, value]) => sum + value, 0);
}

export function closes(t: ExecutionContext, figures: Figures): void {
  const hooks = [...(figures.get('seen_bytes_total')?.keys() ?? [])];
  t.true(hooks.length > 0);
  for (const hook of hooks) {
    for (const unit of ['bytes', 'packets']) {
      const where = ['exported', 'filtered', 'sampled', 'lost'].map((what) =>
        at(figures, `${what}_${unit}_total`, hook),
      );
      const accounted = where.reduce((sum, value) => sum + value, at(figures, `in_table_${unit}`, hook));
      t.is(at(figures, `seen_${unit}_total`, hook), accounted, `${unit} of ${hook}`);
    }
  }
}

/** What the interface has counted so far, to be taken off what it counts later. */
export function meter({ namespace, name }: VethEnd) {
  const before = namespace.statistics(name);
  return () => {
    const now = namespace.statistics(name);
    return {
      ingress: { bytes: now.rxBytes - before.rxBytes, packets: now.rxPackets - before.rxPackets },
      egress: { bytes: now.txBytes - before.txBytes, packets: now.txPackets - before.txPackets },
    };
  };
}
