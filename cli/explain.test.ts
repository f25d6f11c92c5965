import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { createRecordings, recordedLine } from '../test/support/recordings.ts';

const run = promisify(execFile);
const main = join(import.meta.dirname, 'main.ts');
const { written, remove } = createRecordings();
test.after.always(remove);

const recording = written(
  [
    { attributes: { 'dst.port': '443', transport: 'TCP' }, value: 1000 },
    { attributes: { 'dst.port': '443', transport: 'TCP' }, value: 234, at: 10n },
    { attributes: { 'dst.port': '53', transport: 'UDP', 'dst.address': '192.0.2.53' }, value: 100 },
  ]
    .map(recordedLine)
    .join(''),
);

/** Nothing listens at the endpoint: an exporter that is called would say so. */
const config = `yaml:
receivers: {replay: {path: ${recording}, speed: full}}
processors:
  cidr: {cidrs: [{cidr: 10.0.0.0/30, name: office}, 10.0.0.0/8]}
  zone: {cidrs: [{cidr: 10.0.0.0/8, zone: a}]}
  filter: {network: {transport: {not_match: UDP}}}
  attribute_select: {select: {'*': {include: [src.zone, dst.cidr, dst.port]}}}
exporters: {otlp_grpc: {endpoint: '127.0.0.1:1', tls: {insecure: true}}}
service:
  pipelines:
    metrics: {receivers: [replay], processors: [cidr, zone, filter, attribute_select], exporters: [otlp_grpc]}
`;

async function explain(...args: readonly string[]) {
  const { stdout, stderr } = await run(process.execPath, [main, 'explain', '--config', config, ...args]);
  return { stdout, stderr };
}

test('says of a flow that is kept who gave it which value, and its series', async (t) => {
  const { stdout, stderr } = await explain('src=10.0.0.1', 'dport=443');
  t.is(
    stdout.replace(/Seen in .*/, 'Seen.'),
    `10.0.0.1 -> 10.0.0.2:443  TCP   1,234 B, 0 packets, 2 windows
  replay (receiver): src.address=10.0.0.1, dst.address=10.0.0.2, src.name=10.0.0.1, dst.name=10.0.0.2, dst.port=443, transport=TCP, network.type=ipv4
  pipeline metrics: kept
    cidr     src.cidr = office                 range 10.0.0.0/30 (cidrs::0)
    cidr     dst.cidr = office                 range 10.0.0.0/30 (cidrs::0)
    zone     src.zone = a                      range 10.0.0.0/8 (cidrs::0)
    zone     dst.zone = a                      range 10.0.0.0/8 (cidrs::0)
    zone     scope = same_zone                 the zones and regions of both ends
    zone     network.flow.inter_zone = false   the zones and regions of both ends
    filter   kept                              passes network::transport
    => beyla.network.flow.bytes{dst.port=443,dst.cidr=office,src.zone=a}
    => beyla.network.flow.packets{dst.port=443,dst.cidr=office,src.zone=a}

Seen.
`,
  );
  t.notRegex(stderr, /otlp_grpc|Exporting/);
});

test('says of a flow that is dropped by which rule', async (t) => {
  const { stdout } = await explain('proto=udp');
  t.regex(stdout, /^10\.0\.0\.1 -> 192\.0\.2\.53:53 {2}UDP {3}100 B/);
  t.regex(stdout, /\n {2}pipeline metrics: dropped by filter\n/);
  t.regex(stdout, /\n {4}filter +dropped +network::transport: transport: \{not_match: UDP\}\n/);
});

test('says when nothing matched, and how much there was', async (t) => {
  const { stdout } = await explain('dport=8080');
  t.regex(stdout, /^No flow matched in \d+\.\d s, of 3 rows that receivers handed over\.\n$/);
});

test('a wrong selector or time is a wrong command line, and --help says what there is', async (t) => {
  for (const [args, problem] of [
    [['scr=1'], /unknown attribute "scr"\n {2}did you mean 'src'\?/],
    [['dport=99999'], /invalid selector "dport=99999": invalid port "99999"\n {2}write a number from 0 to 65535/],
    [['src=10.0.0.256'], /invalid selector "src=10\.0\.0\.256": invalid address "10\.0\.0\.256"\n/],
    [['--for', '5'], /invalid argument "5" for "--for" flag/],
  ] as const) {
    const error = await t.throwsAsync<Error & { code: number; stderr: string }>(explain(...args));
    t.is(error?.code, 2);
    t.regex(error?.stderr ?? '', problem);
  }
  t.regex((await explain('--help')).stdout, /ATTRIBUTE=VALUE: .*--for TIME/s);
});
