/**
 * Real traffic, recorded as bare flows and selected at the same time; then the recording is played to the same selection
 * by an agent without any privilege. Both must be the same to the byte, window by window.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { linesOf } from '../support/otlp-file.ts';
import { decodeJsonRequest } from '../support/otlp-protos.ts';
import { pointsOf } from '../support/received-points.ts';
import { icmpEchoes, tcpTransfer, udpDatagrams } from '../support/traffic.ts';
import { startAgent, until } from './agent.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-replay-'));
test.after.always(() => {
  removeNetworkNamespaces();
  rmSync(folder, { recursive: true });
});

const select = `{select: {'*': {include: [src.address, dst.address, server.port, transport, direction]}}}`;

/** Each point as text; series of one window may come in any order. */
const seriesIn = (path: string) =>
  linesOf(path)
    .flatMap((line) => pointsOf(decodeJsonRequest(line)))
    .map((point) =>
      [point.startNs, point.timeNs, point.metric, JSON.stringify(point.attributes), point.value].join(' '),
    )
    .sort();

const recordings: readonly (readonly [format: string, compression: string])[] = [
  ['json', ''],
  ['proto', 'zstd'],
];

for (const [format, compression] of recordings) {
  test(`what was recorded as ${format} ${compression} gives an agent without privileges the same series`, async (t) => {
    const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
    const [bare, selected, again] = ['bare', 'selected', 'again'].map((name) => join(folder, `${name}-${format}`));
    const agent = await startAgent(
      server.namespace,
      `
receivers: {ebpf_network: {interfaces: [eth0], cache_active_timeout: 200ms}}
processors: {attribute_select: ${select}}
exporters:
  file/bare: {path: ${bare}, format: ${format}, compression: '${compression}'}
  file/selected: {path: ${selected}}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics/bare: {receivers: [ebpf_network], exporters: [file/bare]}
    metrics/selected: {receivers: [ebpf_network], processors: [attribute_select], exporters: [file/selected]}
`,
    );
    const way = { client, server, family: 'ipv4' } as const;
    await udpDatagrams({ ...way, datagrams: 20, payloadBytes: 100 });
    icmpEchoes({ ...way, family: 'ipv6', echoes: 3, payloadBytes: 56 });
    await tcpTransfer({ ...way, bytes: 100_000 });
    await agent.stop();
    const expected = seriesIn(selected!);
    t.true(expected.length > 6);

    const plain = { ...server.namespace };
    const unprivileged: typeof plain = {
      ...plain,
      spawn: (command, args, options) =>
        plain.spawn('setpriv', ['--bounding-set=-all', '--inh-caps=-all', '--no-new-privs', command, ...args], options),
    };
    const replay = await startAgent(
      unprivileged,
      `
receivers: {replay: {path: ${bare}, speed: full}}
processors: {attribute_select: ${select}}
exporters: {file: {path: ${again}}}
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [replay], processors: [attribute_select], exporters: [file]}}
`,
    );
    await until('the replay has ended', () => replay.said().includes('The replay has ended.'));
    t.is((await replay.stop()).code, 0);
    t.deepEqual(seriesIn(again!), expected);
  });
}
