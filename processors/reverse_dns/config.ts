/** The configuration of `reverse_dns`. */

import { duration, oneOf, positiveInteger, stringList } from '../../core/config/formats.ts';
import { type ConfigSchema, type Format, FormatError, type FormatProblem } from '../../core/config/schema.ts';
import { parseAddress } from '../../core/table/address.ts';

export interface ReverseDnsConfig {
  readonly type: 'none' | 'local';
  readonly cache_len: number;
  readonly cache_expiry: number;
  readonly negative_cache_expiry: number;
  readonly timeout: number;
  readonly max_in_flight: number;
  readonly servers: readonly string[];
}

const MAX_PORT = 65_535;

const kind = oneOf('none', 'local');

const lookupType: Format<ReverseDnsConfig['type']> = Object.assign(
  (value: unknown) => {
    if (value !== 'ebpf') return kind(value);
    throw new FormatError({
      message: 'unsupported value "ebpf": names are not read from DNS packets of other programs',
      fix: 'write local, which asks name servers, or none',
    });
  },
  { text: true as const },
);

/** A duration that is not 0. */
const positiveDuration: Format<number> = Object.assign(
  (value: unknown) => {
    const durationMs = duration(value);
    if (durationMs > 0) return durationMs;
    throw new FormatError({ message: 'must be positive, got 0', fix: 'write a duration such as 5s' });
  },
  { print: duration.print! },
);

const servers: Format<readonly string[]> = Object.assign(
  (value: unknown) => {
    const list = stringList(value);
    const problems = list.flatMap((server, place): readonly FormatProblem[] =>
      isServer(server)
        ? []
        : [
            {
              message: `invalid address of a name server: "${server}"`,
              fix: 'write an IP address, with a port if it is not 53: 192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:5353',
              path: [String(place)],
            },
          ],
    );
    if (problems.length > 0) throw new FormatError(...problems);
    return list;
  },
  { text: true as const },
);

function isServer(text: string): boolean {
  if (parseAddress(text) !== undefined) return true;
  const [, bracketed, dotted, port] = /^(?:\[([^\]]+)\]|([\d.]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (parseAddress(bracketed ?? dotted ?? '') === undefined) return false;
  return port === undefined || (Number(port) >= 1 && Number(port) <= MAX_PORT);
}

export const schema: ConfigSchema<ReverseDnsConfig> = {
  type: {
    doc: 'Where names come from: `local`, the name servers below; `none`, nowhere.',
    format: lookupType,
    default: 'local',
  },
  cache_len: {
    doc: 'Answers that are kept, the latest asked for; also the most addresses that wait to be looked up.',
    format: positiveInteger,
    default: 10_000,
  },
  cache_expiry: {
    doc: 'How long a name is used before it is looked up again.',
    format: positiveDuration,
    default: '1h',
  },
  negative_cache_expiry: {
    doc: 'How long an address without a name, or whose look-up failed, is left alone.',
    format: positiveDuration,
    default: '5m',
  },
  timeout: {
    doc: 'How long one look-up may take, with every server and try.',
    format: positiveDuration,
    default: '5s',
  },
  max_in_flight: { doc: 'Look-ups at once.', format: positiveInteger, default: 16 },
  servers: {
    doc: "Name servers, such as `192.0.2.53` or `'[2001:db8::53]:5353'`; empty: the system's.",
    format: servers,
    default: [],
  },
};
