/** Gives addresses that nothing else named their DNS name, as soon as it is known; no table waits for it. */

import { defineProcessor, type Host, type Processor } from '../../core/component/define.ts';
import { createShared, type Share } from '../../core/component/shared.ts';
import { createPointerLookup } from '../../core/dns/pointer-lookup.ts';
import { createReverseNames, type Known, type ReverseNames } from '../../core/dns/reverse-names.ts';
import type { EndpointDimension } from '../../core/table/dimension.ts';
import {
  createDueTimes,
  createLiveDimensions,
  type DueTimes,
  endpointOfAttribute,
  endpointValues,
  withEndpointAttribute,
} from '../../core/table/endpoint-columns.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import { type ReverseDnsConfig, schema } from './config.ts';

export default defineProcessor<ReverseDnsConfig>({
  type: 'reverse_dns',
  aliases: { 'reverse-dns': "a collector refuses hyphens in a type: write 'reverse_dns'" },
  stability: 'alpha',
  description: 'Gives the addresses that nothing else named their DNS name.',
  needs: ['src.name', 'dst.name'],
  adds: ['src.name', 'dst.name'],
  consumes: 'flows',
  produces: 'same',
  config: schema,
  create: (config, host) => (config.type === 'none' ? { flows: (table) => [table] } : createProcessor(config, host)),
});

/** Pipelines with the same configuration ask each address once. */
const shareNames = createShared<ReverseNames>((names) => names.close());

function namesOf(config: ReverseDnsConfig, { id, clock, metrics }: Host): Share<ReverseNames> {
  return shareNames(metrics, JSON.stringify(config), () =>
    createReverseNames({
      lookup: createPointerLookup({ servers: config.servers, timeoutMs: config.timeout }),
      clock,
      metrics,
      processor: id,
      maxEntries: config.cache_len,
      expiryMs: config.cache_expiry,
      negativeExpiryMs: config.negative_cache_expiry,
      timeoutMs: config.timeout,
      maxInFlight: config.max_in_flight,
    }),
  );
}

/** What a processor keeps about a dimension. */
interface Progress {
  readonly due: DueTimes;
  /** Answers that came since the last table: with more endpoints than the cache holds, it may have lost them again. */
  readonly answers: Map<number, Known>;
}

function createProcessor(config: ReverseDnsConfig, host: Host): Processor {
  const dimensions = createLiveDimensions();
  const progressOf = new WeakMap<EndpointDimension, Progress>();
  const key = {};
  let share: Share<ReverseNames> | undefined;
  let unsubscribe: (() => void) | undefined;

  function progressIn(endpoints: EndpointDimension): Progress {
    const known = progressOf.get(endpoints);
    if (known !== undefined) return known;
    const progress = { due: createDueTimes(), answers: new Map() };
    progressOf.set(endpoints, progress);
    dimensions.see(endpoints);
    return progress;
  }

  function answered(address: string, known: Known): void {
    for (const [endpoints, endpoint] of dimensions.find(address)) {
      progressIn(endpoints).answers.set(endpoint, known);
      endpoints.markDirty(endpoint);
    }
  }

  function named(table: FlowTable, names: ReverseNames): FlowTable {
    const { endpoints } = table.ends;
    const { due, answers } = progressIn(endpoints);
    due.markDue(table, host.clock.monotonicMs());
    const given = endpointValues(table, '{end}.name');
    const column = endpoints.derive(key, (endpoint) => {
      const address = endpoints.addresses.at(endpoint);
      const name = given(endpoint);
      const isNamed = name !== undefined && name !== address;
      // No name server knows addresses of one host or link, and 224.0.0.251 is in the traffic of every host.
      if (isNamed || endpoints.kind(endpoint) === 'local') {
        due.set(endpoint, Infinity);
        return name ?? address;
      }
      const known = answers.get(endpoint) ?? names.ask(String(address));
      due.set(endpoint, known.askAgainMs);
      return known.name ?? address;
    });
    answers.clear();
    return withEndpointAttribute(table, '{end}.name', column);
  }

  return {
    flows: (table) => [share === undefined ? table : named(table, share.value)],
    explain: {
      source(table, row, attribute) {
        const endpoint = endpointOfAttribute(table, row, attribute);
        return endpoint === undefined ? undefined : `the PTR record of ${table.ends.endpoints.addresses.at(endpoint)}`;
      },
    },
    async start() {
      share = namesOf(config, host);
      unsubscribe = share.value.onAnswer(answered);
    },
    async stop() {
      unsubscribe?.();
      await share?.release();
    },
  };
}
