import test from 'ava';
import { createConverter } from '../test/support/converter.ts';

const { convert, run, written, remove } = createConverter();
test.after.always(remove);

test('what is unknown has its place and a suggestion, on standard error and above the result', async (t) => {
  const { notes, comments, validated } = await convert(
    'network:\n  cidr: [10.0.0.0/8]\nnetwrk: {}\nroutes: {patterns: [/a]}\nattributes: {select: {beyla_network_flow: {include: [src.adress]}}}\n',
    { BEYLA_NETWORK_CIDR: 'x' },
  );
  t.is(validated, '');
  for (const expected of [
    "beyla.yml:2:3  network.cidr is unknown: did you mean 'cidrs'?",
    "beyla.yml:3:1  netwrk is unknown: did you mean 'network'?",
    'beyla.yml:4:1  routes has no effect: it is about tracing applications, which is not done here',
    "environment  BEYLA_NETWORK_CIDR is unknown: did you mean 'NETWORK_CIDRS'?",
    'attributes.select unknown attribute "src.adress" is passed over (strict: false): did you mean \'src.address\'?',
  ]) {
    t.true(notes.includes(expected), `${expected}\n${notes.join('\n')}`);
  }
  t.is(comments.length, notes.length + 1);
});

test('the file may be named by the variable that Beyla reads', async (t) => {
  const path = written('network: {direction: egress}');
  const { config, notes } = await convert(undefined, { BEYLA_CONFIG_PATH: path });
  t.is(config.receivers.ebpf_network.direction, 'egress');
  t.false(notes.some((note) => note.includes('CONFIG_PATH')));
});

test('what cannot be converted ends with its reason', async (t) => {
  for (const [args, code, problem] of [
    [[`${written('')}.none.yml`], 1, /unable to read the file .*none\.yml/],
    [[written('network: [')], 1, /beyla-\d+\.yml:1:\d+/],
    [[written('network: {cidrs: [10.0.0.0/33]}')], 1, /invalid|length/i],
    [['a.yml', 'b.yml'], 2, /expected one file, got 2/],
    [['--config', 'a.yml'], 2, /convert takes no configuration/],
  ] as const) {
    const result = await run(['convert', ...args]);
    t.is(result.code, code, args.join(' '));
    t.regex(result.stderr, problem);
  }
});
