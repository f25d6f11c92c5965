/**
 * What the agent says to what it cannot work with, as a real process: the problem, the place and the fix on standard
 * error, nothing on standard output, nothing left on the interface.
 *
 * long: most of it is the list of problems.
 */

import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { attachedProgramCount } from '../support/native.ts';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../support/network-namespace.ts';
import { programOf } from '../support/programs.ts';
import { icmpEchoes } from '../support/traffic.ts';
import { type Ended, startAgent, startSink, sumsBy, until } from './agent.ts';

const MAIN = programOf('cli/main.ts');
const NOBODY = '65534';

const folder = mkdtempSync(join(tmpdir(), 'weir-test-'));
const [client, server] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });

test.after.always(() => {
  removeNetworkNamespaces();
  rmSync(folder, { recursive: true });
});

/** Runs `weir` with these arguments to its end, in the namespace with eth0; `privileges` are arguments of setpriv. */
async function weir(args: readonly string[], privileges: readonly string[] = []): Promise<Ended> {
  const command = [...privileges, process.execPath, MAIN, ...args];
  const child = server.namespace.spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]);
  return { code, stdout, stderr };
}

/** Everything but the log, whose lines begin with their time. */
const problemsOf = ({ stderr }: Ended) => stderr.replace(/^\d{4}-.*\n/gm, '');

function isRefused(t: ExecutionContext, ended: Ended, problems: string, code = 1): void {
  t.is(problemsOf(ended), problems);
  t.is(ended.code, code);
  t.is(ended.stdout, '');
  t.is(attachedProgramCount(server.namespace.name, server.name), 0);
}

/** `block` stands under `ebpf_network:`, from the third line of collector.yaml on. */
async function runWith(block: string, privileges: readonly string[] = []): Promise<Ended> {
  const lines = [
    'receivers:',
    '  ebpf_network:',
    ...block.split('\n').map((line) => `    ${line}`),
    'exporters: {debug: }',
    'service: {pipelines: {metrics: {receivers: [ebpf_network], exporters: [debug]}}}',
  ];
  writeFileSync(join(folder, 'collector.yaml'), `${lines.join('\n')}\n`);
  return weir(['--config', 'collector.yaml'], privileges);
}

const refusals: Readonly<Record<string, { block: string; problems: string }>> = {
  'an interface that does not exist': {
    block: 'interfaces: [eth0, eth9]',
    problems: `cannot start pipelines: failed to start "ebpf_network" receiver: interface "eth9" does not exist
  collector.yaml:3:24  receivers::ebpf_network::interfaces::1   name one of lo, eth0, or a pattern such as /^eth/   [interface/missing]
`,
  },
  'an interface that is named and excluded': {
    block: 'interfaces: [eth0]\nexclude_interfaces: [/^eth/]',
    problems: `cannot start pipelines: failed to start "ebpf_network" receiver: no interface is left to count on: lo (not in interfaces), eth0 (excluded)
  collector.yaml:3:5  receivers::ebpf_network::interfaces   widen interfaces, or shorten exclude_interfaces   [interface/missing]
`,
  },
  'an unknown protocol': {
    block: 'protocols: [TCP, UPD]',
    problems: `error decoding 'receivers': error decoding 'ebpf_network': 'protocols.1' unknown protocol "UPD"
  collector.yaml:3:22  receivers::ebpf_network::protocols::1   did you mean 'UDP'?   [config/value]
`,
  },
  'an unknown key': {
    block: 'interface: [eth0]',
    problems: `error decoding 'receivers': error decoding 'ebpf_network': has invalid keys: interface
  collector.yaml:3:5  receivers::ebpf_network::interface   did you mean 'interfaces'?   [config/unknown-key]
`,
  },
  'a key of Beyla that lives elsewhere': {
    block: 'cidrs: [10.0.0.0/8]',
    problems: `error decoding 'receivers': error decoding 'ebpf_network': has invalid keys: cidrs
  collector.yaml:3:5  receivers::ebpf_network::cidrs   it lives elsewhere: the \`cidr\` processor   [config/unknown-key]
`,
  },
  'a duration without a unit': {
    block: 'cache_active_timeout: 5',
    problems: `error decoding 'receivers': error decoding 'ebpf_network': 'cache_active_timeout' time: missing unit in duration "5"
  collector.yaml:3:5  receivers::ebpf_network::cache_active_timeout   write a number with a unit of ns, us, ms, s, m or h, such as 5s or 1m30s   [config/value]
`,
  },
  'text that is not YAML': {
    block: 'interfaces: [eth0',
    problems: `cannot resolve the configuration: yaml: Flow sequence in block collection must be sufficiently indented and end with a ]
  collector.yaml:4:1   mend the indentation, or put the text in quotes   [config/yaml]
`,
  },
  'several problems at once': {
    block: 'direction: in\ncache_max_flows: 0\nprotocols: [TPC]\nintefaces: [eth0]',
    problems: `error decoding 'receivers': error decoding 'ebpf_network': has invalid keys: intefaces
  collector.yaml:6:5  receivers::ebpf_network::intefaces   did you mean 'interfaces'?   [config/unknown-key]
error decoding 'receivers': error decoding 'ebpf_network': 'protocols.0' unknown protocol "TPC"
  collector.yaml:5:17  receivers::ebpf_network::protocols::0   did you mean 'TCP'?   [config/value]
error decoding 'receivers': error decoding 'ebpf_network': 'direction' unsupported value "in"
  collector.yaml:3:5  receivers::ebpf_network::direction   one of ingress, egress, both   [config/value]
error decoding 'receivers': error decoding 'ebpf_network': 'cache_max_flows' must be positive, got 0
  collector.yaml:4:5  receivers::ebpf_network::cache_max_flows   write a whole number of 1 or more   [config/value]
`,
  },
};

for (const [title, { block, problems }] of Object.entries(refusals)) {
  test.serial(`${title} is refused with its place and the fix`, async (t) => {
    isRefused(t, await runWith(block), problems);
  });
}

test.serial('without root the capabilities that are missing are named', async (t) => {
  // Nobody may read a checkout under /root; who may read files is not in question here.
  const reading = ['--inh-caps', '-all,+dac_read_search', '--ambient-caps', '-all,+dac_read_search'];
  const ended = await runWith('interfaces: [eth0]', ['--reuid', NOBODY, '--clear-groups', ...reading]);
  isRefused(
    t,
    ended,
    `cannot start pipelines: failed to start "ebpf_network" receiver: the process lacks CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON
  collector.yaml:2:3  receivers::ebpf_network   run as root, or with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON   [kernel/permission]
`,
  );
});

const wrongCommandLines: readonly (readonly [string, readonly string[], string])[] = [
  ['a command that does not exist', ['conect'], 'unknown command "conect" for "weir"'],
  ['an option that does not exist', ['--confg', 'collector.yaml'], "Unknown option '--confg'"],
  ['no configuration', [], 'at least one config flag must be provided'],
  ['--set without a value', ['--config', 'collector.yaml', '--set', 'a.b'], 'missing equal sign'],
];

for (const [title, args, problem] of wrongCommandLines) {
  test.serial(`${title} is a wrong command line: exit code 2`, async (t) => {
    const ended = await weir(args);
    const [first, second = ''] = problemsOf(ended).split('\n');
    t.is(first, problem);
    t.regex(second, /^ {2}\S.* {3}\[cli\/usage\]$/);
    isRefused(t, ended, `${first}\n${second}\n`, 2);
  });
}

test.serial('a configuration file that does not exist is named', async (t) => {
  isRefused(
    t,
    await weir(['--config', 'none.yaml']),
    `unable to read the file none.yaml: ENOENT: no such file or directory, open 'none.yaml'
  --config none.yaml   check the path and the permissions of the file   [config/source]
`,
  );
});

function configTo(exporter: string, id: string, receiver = ''): string {
  return `
receivers:
  ebpf_network: {interfaces: [eth0], cache_active_timeout: 100ms${receiver}}
exporters:
  ${exporter}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    metrics: {receivers: [ebpf_network], exporters: [${id}]}
`;
}

test.serial('an endpoint that cannot be reached is in the log, the agent runs on, and nothing is lost', async (t) => {
  const retries = 'retry_on_failure: {initial_interval: 200ms, max_interval: 200ms}';
  const exporter = `otlp_grpc: {endpoint: 127.0.0.1:4317, tls: {insecure: true}, ${retries}}`;
  const agent = await startAgent(server.namespace, configTo(exporter, 'otlp_grpc'));
  const { request } = icmpEchoes({ client, server, family: 'ipv4', echoes: 10, payloadBytes: 56 });
  await until('the log says that the server cannot be reached', () =>
    /\tinfo\tExporting failed\. Will retry the request after interval\..*code = Unavailable.*127\.0\.0\.1:4317/.test(
      agent.said(),
    ),
  );

  const sink = await startSink(server.namespace);
  t.teardown(sink.stop);
  await until('the server has what was counted before it was there', () => sink.points().length > 0);
  const { code, stderr } = await agent.stop();
  t.is(code, 0);
  t.regex(stderr, / exported 1,960 B {3}filtered 0 {3}sampled 0 {3}lost 0$/m);
  t.deepEqual(Object.fromEntries(sumsBy(sink.points(), 'beyla.network.flow.bytes', ['src.address'])), {
    [client.ipv4]: request.wireBytes,
    [server.ipv4]: request.wireBytes,
  });
});
