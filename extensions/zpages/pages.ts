/** What each page shows, with the columns and properties of the collector's. */

import { arch, platform, release } from 'node:os';
import type { Host, ServiceView } from '../../core/component/define.ts';
import { dateOf } from './dates.ts';
import { type Html, html, joined, table } from './html.ts';

export type State = 'starting' | 'ready' | 'stopping';

export interface Subject {
  readonly build: Host['build'];
  readonly service: ServiceView;
  readonly startedNs: bigint;
  state(): State;
}

export function serviceContent({ build, startedNs, state }: Subject): Html {
  const buildInfo = [
    ['Command', build.command],
    ['Description', build.description ?? ''],
    ['Version', build.version],
  ];
  const runtimeInfo = [
    ['StartTimestamp', dateOf(startedNs)],
    ['State', state()],
    ['Node', process.version],
    ['OS', `${platform()} ${release()}`],
    ['Arch', arch()],
  ];
  const heads = ['Property', 'Value'];
  return joined([table('Build Info', heads, buildInfo), table('Runtime Info', heads, runtimeInfo)], html``);
}

export function pipelinesContent({ service }: Subject): Html {
  const heads = ['FullName', 'InputType', 'MutatesData', 'Receivers', 'Processors', 'Exporters'];
  const rows = service.pipelines.map(({ id, signal, receivers, processors, exporters }) => [
    id,
    signal,
    String(processors.length > 0),
    each(receivers, html`<br>`),
    each(processors, html` &rarr; `),
    each(exporters, html`<br>`),
  ]);
  return table('Pipelines', heads, rows);
}

const each = (ids: readonly string[], between: Html): Html =>
  joined(
    ids.map((id) => html`<code>${id}</code>`),
    between,
  );

export const extensionsContent = ({ service }: Subject): Html =>
  table(
    'Extensions',
    ['FullName'],
    service.extensions.map((id) => [id]),
  );

export const featuresContent = (): Html => html`<p>This build has no feature gates.</p>
${table('Feature gates', ['ID', 'Enabled', 'Description', 'Stage', 'FromVersion', 'ToVersion', 'ReferenceURL'], [])}`;
