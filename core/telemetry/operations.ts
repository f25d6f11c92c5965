/**
 * How long what components do takes: for each operation how often by latency, what runs now, and the latest of each as
 * samples. Of the data that they work on nothing is kept.
 */

import type { Clock } from './clock.ts';

/** Where a bucket of latencies begins, in milliseconds; each ends where the next begins. Those of the collector's tracez. */
export const bucketStartsMs: readonly number[] = [0, 0.01, 0.1, 1, 10, 100, 1000, 10_000, 100_000];
/** The latest that are kept of each bucket, and of the failures. */
export const MAX_SAMPLES = 16;

export interface Operation {
  /** Begins one; what it gives ends it, with what went wrong if something did. Only the first end counts. */
  begin(): (failure?: string) => void;
}

export interface Sample {
  /** Since the Unix epoch, by the host's clock of now. */
  readonly startedNs: bigint;
  /** Of one that runs: so far. */
  readonly durationMs: number;
  /** What went wrong. */
  readonly failure?: string;
}

export interface Tally {
  readonly count: number;
  /** Latest first; at most `MAX_SAMPLES`. */
  readonly samples: readonly Sample[];
}

export interface OperationReport {
  readonly name: string;
  /** Samples of these are the oldest, longest first. */
  readonly running: Tally;
  /** In the order of `bucketStartsMs`; those that failed are not among them. */
  readonly buckets: readonly Tally[];
  readonly failed: Tally;
}

/** For whoever shows them. */
export interface OperationReports {
  /** In the order in which they were named. */
  report(): readonly OperationReport[];
}

export interface Operations extends OperationReports {
  /** The operation of this name; the same at each call. */
  named(name: string): Operation;
}

interface Kept {
  readonly startedMs: number;
  readonly durationMs: number;
  readonly failure?: string;
}

interface Bin {
  count: number;
  /** Oldest first. */
  readonly latest: Kept[];
}

interface State {
  readonly operation: Operation;
  readonly running: Set<{ readonly startedMs: number }>;
  readonly buckets: readonly Bin[];
  readonly failed: Bin;
}

export function createOperations(clock: Clock): Operations {
  const states = new Map<string, State>();
  return {
    named(name) {
      const state = states.get(name) ?? createState(clock);
      states.set(name, state);
      return state.operation;
    },
    report() {
      const [nowMs, nowNs] = [clock.monotonicMs(), clock.nowNs()];
      const sampleOf = ({ startedMs, ...rest }: Kept): Sample => ({
        startedNs: nowNs - BigInt(Math.round((nowMs - startedMs) * 1e6)),
        ...rest,
      });
      const tallyOf = ({ count, latest }: Bin): Tally => ({ count, samples: latest.toReversed().map(sampleOf) });
      return [...states].map(([name, { running, buckets, failed }]) => {
        const oldest = [...running].slice(0, MAX_SAMPLES);
        const samples = oldest.map(({ startedMs }) => sampleOf({ startedMs, durationMs: nowMs - startedMs }));
        return {
          name,
          running: { count: running.size, samples },
          buckets: buckets.map(tallyOf),
          failed: tallyOf(failed),
        };
      });
    },
  };
}

function createState(clock: Clock): State {
  const running = new Set<{ readonly startedMs: number }>();
  const buckets = bucketStartsMs.map(createBin);
  const failed = createBin();
  const begin = () => {
    const one = { startedMs: clock.monotonicMs() };
    running.add(one);
    return (failure?: string) => {
      if (!running.delete(one)) return;
      const durationMs = clock.monotonicMs() - one.startedMs;
      const bucket = bucketStartsMs.findLastIndex((startMs) => durationMs >= startMs);
      // A clock that never steps gives no negative time; if it did, it is the shortest there is.
      if (failure === undefined) keep(buckets[Math.max(0, bucket)]!, { ...one, durationMs });
      else keep(failed, { ...one, durationMs, failure });
    };
  };
  return { operation: { begin }, running, buckets, failed };
}

const createBin = (): Bin => ({ count: 0, latest: [] });

function keep(bin: Bin, kept: Kept): void {
  bin.count++;
  bin.latest.push(kept);
  if (bin.latest.length > MAX_SAMPLES) bin.latest.shift();
}
