/** `weir explain`: which rule kept or dropped the flows that match, and where each of their values came from. */

import { type Following, followFlows } from '../core/pipeline/explain.ts';
import type { FlowReport } from '../core/pipeline/flow-reports.ts';
import type { Fate, Step } from '../core/pipeline/followed-flow.ts';
import { startService } from '../core/pipeline/service.ts';
import type { AttributeValue } from '../core/table/dictionary.ts';
import { systemClock } from '../core/telemetry/clock.ts';
import { build, type Command, configOf } from './command.ts';
import { parseSelector } from './selectors.ts';
import { firstSignal } from './signal.ts';
import { timeOf } from './time.ts';

const DEFAULT_TIME = '10s';

export const explain: Command = {
  summary: 'say why flows are kept or dropped, and where their names come from',
  takesConfig: true,
  options: {
    for: { value: 'TIME', help: `look at the flows of this long, default ${DEFAULT_TIME}; a recording may end before` },
  },
  operands: {
    value: 'ATTRIBUTE=VALUE',
    help: `flows that match all of them, such as src=10.0.0.0/8 dport=443. Words: src, dst (an address, a range or a
name), sport, dport, port (the server's), proto, or any attribute in any preset's spelling; values may be globs.
Receivers and processors run as they are configured; exporters do not.`,
  },
  async run(call) {
    const durationMs = timeOf('for', call.options.for ?? DEFAULT_TIME);
    const selectors = call.operands.map(parseSelector);
    const following = followFlows(configOf(call), selectors);
    const seconds = await runFor(following, durationMs, call.complain);
    call.print(textOf(following, seconds));
  },
};

/** Until the time is over, a signal comes, or every receiver has ended. Resolves to the seconds that it took. */
async function runFor({ config }: Following, durationMs: number, write: (line: string) => void): Promise<string> {
  const signal = firstSignal();
  const abort = new AbortController();
  const startedMs = systemClock.monotonicMs();
  try {
    const service = await startService(config, { build, write });
    await Promise.race([systemClock.sleep(durationMs, abort.signal), signal.received, service.ended()]);
    abort.abort();
    await service.stop();
  } finally {
    signal.ignore();
  }
  return ((systemClock.monotonicMs() - startedMs) / 1000).toFixed(1);
}

const count = (value: number, noun: string) => `${value.toLocaleString('en-US')} ${noun}${value === 1 ? '' : 's'}`;

function textOf(following: Following, seconds: string): string {
  const reports = following.reports();
  const narrower = 'add ATTRIBUTE=VALUE to see fewer';
  const [more, left] = [following.more(), following.notFollowed()];
  const notes = [
    ...(more === 0 ? [] : [`${count(more, 'more flow')} matched: ${narrower}.`]),
    ...(left === 0 ? [] : [`${count(left, 'row')} that may match were too many to follow: ${narrower}.`]),
  ].map((note) => `\n${note}\n`);
  if (reports.length === 0) {
    const seen = `No flow matched in ${seconds} s, of ${count(following.rowsSeen(), 'row')} that receivers handed over.\n`;
    return [seen, ...notes].join('');
  }
  const byFlow = Map.groupBy(reports, ({ receiver, given }) => JSON.stringify([receiver, flowLine(given)]));
  return `${[...byFlow.values()].map(flowText).join('\n')}${notes.join('')}\nSeen in ${seconds} s.\n`;
}

type Given = FlowReport['given'];

function flowLine(given: Given): string {
  const end = (side: 'src' | 'dst') => {
    const address = String(given.get(`${side}.address`));
    const port = given.get(`${side}.port`);
    return port === undefined ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
  };
  const rest = ['transport', 'direction', 'iface', 'iface.direction'].flatMap((name) => given.get(name) ?? []);
  return [`${end('src')} -> ${end('dst')}`, ...rest].join('  ');
}

/** One flow in every pipeline that it went through. */
function flowText(reports: readonly FlowReport[]): string {
  const [first] = reports;
  if (first === undefined) return '';
  const { given, receiver, bytes, packets, windows } = first;
  const amount = [`${bytes.toLocaleString('en-US')} B`, count(packets, 'packet'), count(windows, 'window')].join(', ');
  const lines = [`${flowLine(given)}   ${amount}`, `  ${receiver} (receiver): ${pairs(given)}`];
  for (const report of reports) lines.push(...pipelineLines(report));
  return `${lines.join('\n')}\n`;
}

const pairs = (given: Given) => [...given].map(([name, value]) => `${name}=${value}`).join(', ');

function pipelineLines({ pipeline, steps, fate }: FlowReport): readonly string[] {
  const rows = [...steps.flatMap(stepRows), ...endRow(fate)];
  const widths = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('   ')
      .trimEnd(),
  );
  return [
    `  pipeline ${pipeline}: ${fateWord(fate)}`,
    ...[...lines, ...seriesLines(fate)].map((line) => `    ${line}`),
  ];
}

function stepRows({ processor, values, reason = '' }: Step): readonly (readonly string[])[] {
  if (values.length === 0) return [[processor, 'kept', reason]];
  return values.map(({ attribute, value, source = '' }) => [processor, `${attribute} = ${shown(value)}`, source]);
}

const shown = (value: AttributeValue | undefined) => (value === undefined ? '(taken away)' : String(value));

function fateWord(fate: Fate): string {
  if (fate.kind === 'dropped') return `dropped by ${fate.processor}`;
  if (fate.kind === 'held') return `held back by ${fate.processor}`;
  if (fate.series.length === 0) return 'kept, but no metric is made of it';
  return fate.series.every(({ taken }) => taken !== undefined) ? 'kept, but none of its points' : 'kept';
}

function endRow(fate: Fate): readonly (readonly string[])[] {
  if (fate.kind === 'dropped') return [[fate.processor, 'dropped', fate.reason ?? '']];
  return fate.kind === 'held' ? [[fate.processor, 'held back', 'for a later window']] : [];
}

function seriesLines(fate: Fate): readonly string[] {
  if (fate.kind !== 'kept') return [];
  return fate.series.flatMap(({ series, taken }) => {
    if (taken === undefined) return [`=> ${series}`];
    const reason = taken.reason === undefined ? '' : `: ${taken.reason}`;
    return [`=> ${series}`, `   not let through by ${taken.processor}${reason}`];
  });
}
