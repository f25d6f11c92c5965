/** Plays recorded flows again: reads what the `file` exporter wrote and hands it to the pipelines, window by window. */

import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { type Consumer, defineReceiver, type Host, type Receiver } from '../../core/component/define.ts';
import { WeirError } from '../../core/errors.ts';
import {
  type CompleteWindow,
  createFlowWindows,
  type FlowWindows,
  type Refusal,
} from '../../core/otlp/flow-windows.ts';
import { flowAttributes } from '../../core/table/flow-columns.ts';
import { type ReplayConfig, schema } from './config.ts';
import { readMessages } from './messages.ts';
import { createTiming, type Timing } from './timing.ts';

export default defineReceiver<ReplayConfig>({
  type: 'replay',
  stability: 'alpha',
  description: 'Plays recorded flows again, at the speed they had or faster; needs no privilege.',
  config: schema,
  adds: flowAttributes,
  validate: ({ path }) =>
    path === '' ? [{ path: ['path'], message: 'path must be non-empty', fix: 'name a recorded file' }] : [],
  create: createReplay,
});

export function createReplay(config: ReplayConfig, host: Host, consumer: Consumer): Receiver {
  const abort = new AbortController();
  let playing: Promise<void> = Promise.resolve();
  return {
    async start() {
      await checkReadable(config.path, host.id);
      playing = play(config, host, consumer, abort.signal);
    },
    async stop() {
      abort.abort();
      await playing;
      consumer.release();
    },
    ended: () => playing,
  };
}

async function checkReadable(path: string, id: string): Promise<void> {
  const at = { path: `receivers::${id}::path` };
  try {
    await access(path, constants.R_OK);
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file or directory' : 'permission denied';
    const fix = 'name a file that the agent may read; the file exporter writes such files';
    throw new WeirError('component/start', `open ${path}: ${reason}`, { ...at, fix, cause });
  }
  if (!(await stat(path)).isDirectory()) return;
  throw new WeirError('component/start', `open ${path}: is a directory`, { ...at, fix: 'name a file in it' });
}

/** Never rejects: what goes wrong is said and ends the replay, not the agent. */
async function play(config: ReplayConfig, host: Host, consumer: Consumer, signal: AbortSignal): Promise<void> {
  const { path, loop } = config;
  const { logger, clock } = host;
  const counters = createCounters(host);
  const windows = createFlowWindows({ metricNames: config.metric_names, onRefused: counters.refused });
  const timing = createTiming(config, clock.nowNs());
  const deliver = createDelivery(config, host, consumer, { timing, counters, signal });
  try {
    do {
      const before = counters.windows;
      await playRound(path, windows, { deliver, counters, signal });
      timing.nextRound();
      if (!loop || signal.aborted || counters.windows > before) continue;
      logger.warn('The recording has no flows: it is not played again.', { path });
      break;
    } while (loop && !signal.aborted);
  } catch (error) {
    logger.error('The replay has ended: the recording cannot be read.', { path, error });
    return;
  }
  // Nothing comes after it that rows could be held back for.
  consumer.release();
  if (!signal.aborted) logger.info('The replay has ended.', { path, windows: counters.windows });
}

type Deliver = (complete: readonly CompleteWindow[]) => Promise<void>;

interface Round {
  readonly deliver: Deliver;
  readonly counters: Counters;
  readonly signal: AbortSignal;
}

async function playRound(path: string, windows: FlowWindows, { deliver, counters, signal }: Round): Promise<void> {
  for await (const message of readMessages(path)) {
    if (signal.aborted) return;
    if ('error' in message) counters.bad(message.place, message.error);
    else await deliver(windows.add(message.metrics));
  }
  await deliver(windows.end());
}

interface Surroundings {
  readonly timing: Timing;
  readonly counters: Counters;
  readonly signal: AbortSignal;
}

/** Waits until a window is due and there is room for it, then hands it over once. */
function createDelivery(
  config: ReplayConfig,
  { logger, clock }: Host,
  consumer: Consumer,
  { timing, counters, signal }: Surroundings,
): Deliver {
  const startMs = clock.monotonicMs();
  return async (complete) => {
    for (const { table, points } of complete) {
      const waitMs = timing.dueMs(table.window) - (clock.monotonicMs() - startMs);
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      if (!signal.aborted && !consumer.hasRoom()) await consumer.waitForRoom(signal);
      if (signal.aborted) return;
      const window = timing.shifted(table.window, clock.nowNs());
      try {
        consumer.consume({ ...table, window, features: config.features });
        counters.accepted(points);
      } catch (error) {
        counters.failed(points);
        logger.error('No pipeline took the flows of a window; they are lost.', { rows: table.rows, error });
      }
    }
  };
}

interface Counters {
  /** Windows that were handed over. */
  readonly windows: number;
  accepted(points: number): void;
  failed(points: number): void;
  refused(points: number, reason: Refusal, metric: string): void;
  bad(place: string, error: WeirError): void;
}

function createCounters({ id, metrics, logger }: Host): Counters {
  const labels = { receiver: id, transport: 'file' };
  const counter = (name: string, help: string) => {
    const made = metrics.counter({ name: `otelcol_receiver_${name}`, help });
    made.add(0, labels);
    return (points: number) => made.add(points, labels);
  };
  const accepted = counter('accepted_metric_points', 'Points that were taken into the pipelines.');
  const refused = counter('refused_metric_points', 'Points that could not be taken into the pipelines.');
  const failed = counter('failed_metric_points', 'Points that were lost because no pipeline took them.');
  const bad = counter('replay_bad_messages_total', 'Lines or messages of the recording that could not be read.');
  const said = new Set<string>();
  let windows = 0;
  return {
    get windows() {
      return windows;
    },
    accepted(points) {
      windows++;
      accepted(points);
    },
    failed,
    refused(points, reason, metric) {
      refused(points);
      if (said.has(reason)) return;
      said.add(reason);
      logger.warn('Points of the recording are left out.', { reason, metric });
    },
    bad(place, error) {
      bad(1);
      logger.error(`Cannot read a message of the recording; it is left out. ${place}: ${error.message}`, {
        fix: error.fix,
      });
    },
  };
}
