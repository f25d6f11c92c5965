import test from 'ava';
import { decodeBlock, keyedMapOf, listOf, printBlock } from './block.ts';
import {
  boolean,
  duration,
  headers,
  keyedMap,
  nonNegativeInteger,
  oneOf,
  positiveInteger,
  secret,
  stringList,
  text,
} from './formats.ts';
import { presetList } from './lists.ts';
import type { Format, FormatProblem } from './schema.ts';
import { choiceOf } from './suggest.ts';
import type { ConfigNode } from './tree.ts';
import { parseYaml } from './yaml.ts';

const tree = (yaml: string): ConfigNode => parseYaml(yaml, (line, column) => `${line}:${column}`, []);

/** Through a whole block, since that is where convict would coerce. */
function read<Value>(format: Format<Value>, yaml: string): Value | readonly FormatProblem[] {
  const { config, problems } = decodeBlock({ key: { format, default: null, doc: 'A key.' } }, tree(`key: ${yaml}`));
  return problems.length > 0 ? problems : (config as { key: Value }).key;
}

const complaint = (format: Format<unknown>, yaml: string): string => {
  const result = read(format, yaml) as readonly FormatProblem[];
  return result.map(({ path = [], message }) => `${path.join('.')}: ${message}`).join('; ');
};

test('a duration is delivered in milliseconds', (t) => {
  t.is(read(duration, '300ms'), 300);
  t.is(read(duration, '1.5h'), 5_400_000);
  t.is(read(duration, '1h30m5s'), 5_405_000);
  t.is(read(duration, '.5s'), 500);
  t.is(read(duration, '250us'), 0.25);
  t.is(read(duration, '"0"'), 0);
  t.is(read(duration, '0'), 0);
});

test('a duration without a unit, with an unknown unit, or negative is refused', (t) => {
  t.is(complaint(duration, '5'), 'key: time: missing unit in duration "5"');
  t.is(complaint(duration, '"5"'), 'key: time: missing unit in duration "5"');
  t.is(complaint(duration, '5 parsecs'), 'key: time: unknown unit " parsecs" in duration "5 parsecs"');
  t.is(complaint(duration, '5d'), 'key: time: unknown unit "d" in duration "5d"');
  t.is(complaint(duration, 'soon'), 'key: time: invalid duration "soon"');
  t.is(complaint(duration, '""'), 'key: time: invalid duration ""');
  t.is(complaint(duration, '1s.'), 'key: time: invalid duration "1s."');
  t.is(complaint(duration, '-5s'), 'key: must be non-negative, got "-5s"');
  t.is(complaint(duration, '[5s]'), "key: expected type 'duration', got unconvertible type 'slice'");
});

test('integers are not read out of texts', (t) => {
  t.is(read(positiveInteger, '7'), 7);
  t.is(read(nonNegativeInteger, '0'), 0);
  t.is(read(positiveInteger, '7.0'), 7);
  t.is(complaint(positiveInteger, '7x'), "key: expected type 'int', got unconvertible type 'string'");
  t.is(complaint(positiveInteger, '"7"'), "key: expected type 'int', got unconvertible type 'string'");
  t.is(complaint(positiveInteger, '7.5'), "key: expected type 'int', got unconvertible type 'float64'");
  t.is(complaint(positiveInteger, '0'), 'key: must be positive, got 0');
  t.is(complaint(nonNegativeInteger, '-1'), 'key: must be non-negative, got -1');
});

test('booleans are true and false, nothing else', (t) => {
  t.is(read(boolean, 'true'), true);
  t.is(read(boolean, 'false'), false);
  t.is(complaint(boolean, 'yes'), "key: expected type 'bool', got unconvertible type 'string'");
  t.is(complaint(boolean, '"true"'), "key: expected type 'bool', got unconvertible type 'string'");
  t.is(complaint(boolean, '1'), "key: expected type 'bool', got unconvertible type 'int'");
});

test('a word that is none of a few is refused with all of them, and the one that was meant', (t) => {
  const words = oneOf('none', 'beyla', 'obi');
  const fixes = (yaml: string) => (read(words, yaml) as readonly FormatProblem[]).map(({ fix }) => fix);
  t.deepEqual(fixes('byla'), ["one of none, beyla, obi; did you mean 'beyla'?"]);
  t.deepEqual(fixes('x'), ['one of none, beyla, obi']);
  t.is(choiceOf(['', 'on'], 'x'), 'one of "", on');
});

test('what is wrong in a list of words has its position, and in one text the place of the text', (t) => {
  const refused = 'unsupported value "byla"';
  t.is(complaint(presetList, '[otel, byla]'), `key.1: ${refused}`);
  t.is(complaint(presetList, 'byla'), `key: ${refused}`);
  t.is(complaint(presetList, 'otel, byla'), `key: ${refused}`);
});

test('a list of texts may be one text with commas', (t) => {
  t.deepEqual(read(stringList, '[eth0, /^veth/]'), ['eth0', '/^veth/']);
  t.deepEqual(read(stringList, 'eth0, eth1'), ['eth0', 'eth1']);
  t.deepEqual(read(stringList, '""'), []);
  t.is(complaint(stringList, '[a, 53]'), "key.1: expected type 'string', got unconvertible type 'int'");
  t.is(complaint(stringList, '{a: b}'), "key: expected type '[]string', got unconvertible type 'map'");
});

test('a word must be one of the list', (t) => {
  t.is(read(oneOf('tc', 'socket_filter'), 'tc'), 'tc');
  t.is(complaint(oneOf('tc', 'socket_filter'), 'xdp'), 'key: unsupported value "xdp"');
});

test('headers are a map or a list of names and values', (t) => {
  t.deepEqual(read(headers, '{x-scope: a, x.dotted: b}'), { 'x-scope': 'a', 'x.dotted': 'b' });
  t.deepEqual(read(headers, '[{name: x-scope, value: a}]'), { 'x-scope': 'a' });
  t.is(complaint(headers, '[{name: a, value: b}, {name: a, value: c}]'), 'key: duplicate keys in map-style list: [a]');
  t.is(complaint(headers, '[{name: a, content: b}]'), 'key.0: has invalid keys: content');
  t.is(complaint(headers, '{a: 1}'), "key.a: expected type 'string', got unconvertible type 'int'");
});

test('keys of a keyed map may hold dots', (t) => {
  t.deepEqual(
    read(keyedMap, '{k8s.src.name: 1, b: [x]}'),
    new Map<string, unknown>([
      ['k8s.src.name', 1],
      ['b', ['x']],
    ]),
  );
  t.is(complaint(keyedMap, '7'), "key: expected type 'map', got unconvertible type 'int'");
});

test('the values of a keyed map are checked against their own schema', (t) => {
  const entry = keyedMapOf({ include: { format: stringList, default: ['*'], doc: 'Globs.' } });
  t.deepEqual(
    read(entry, '{a.b: {include: [k8s.*]}, c: }'),
    new Map([
      ['a.b', { include: ['k8s.*'] }],
      ['c', { include: ['*'] }],
    ]),
  );
  t.is(
    complaint(entry, '{a.b: {inclde: [x]}, c: {include: [1]}}'),
    "key.a.b.inclde: has invalid keys: inclde; key.c.include.0: expected type 'string', got unconvertible type 'int'",
  );
});

test('the items of a list of blocks are checked against their schema', (t) => {
  const items = listOf({ cidr: { format: text, default: null, doc: 'A network.' } });
  t.deepEqual(read(items, '[{cidr: 10.0.0.0/8}]'), [{ cidr: '10.0.0.0/8' }]);
  t.is(complaint(items, '[{cidr: 10.0.0.0/8}, {}]'), 'key.1.cidr: requires a non-empty "cidr"');
  t.is(complaint(items, '{}'), "key: expected type 'slice', got unconvertible type 'map'");
});

test('defaults are read by the format, and null takes the default', (t) => {
  const schema = {
    wait: { format: duration, default: '5s', doc: 'A wait.' },
    tls: { insecure: { format: boolean, default: false, doc: 'No TLS.' } },
  };
  const whole = { isComplete: true, problems: [] };
  const defaults = { config: { wait: 5000, tls: { insecure: false } }, ...whole };
  t.deepEqual(decodeBlock(schema, undefined), defaults);
  t.deepEqual(decodeBlock(schema, tree('')), defaults);
  t.deepEqual(decodeBlock(schema, tree('{wait: , tls: }')), defaults);
  t.deepEqual(decodeBlock(schema, tree('{wait: 1s, tls: {insecure: true}}')), {
    config: { wait: 1000, tls: { insecure: true } },
    ...whole,
  });
});

test('the default stands where a value is refused, unless it is none', (t) => {
  const schema = {
    wait: { format: duration, default: '5s', doc: 'A wait.' },
    tls: { insecure: { format: boolean, default: false, doc: 'No TLS.' } },
    size: { format: positiveInteger, default: null, doc: 'A size.' },
  };
  const { config, isComplete, problems } = decodeBlock<object>(
    schema,
    tree('{wait: 5, tls: {insecure: 1, x: 1}, size: 3}'),
  );
  t.deepEqual(config, { wait: 5000, tls: { insecure: false }, size: 3 });
  t.true(isComplete);
  t.deepEqual(
    problems.map(({ key, path }) => [key, path]),
    [
      ['x', ['tls', 'x']],
      ['wait', ['wait']],
      ['insecure', ['tls', 'insecure']],
    ],
  );
  t.false(decodeBlock(schema, tree('{size: 0}')).isComplete);
});

test('a block prints as a user would write it, without secrets', (t) => {
  const schema = {
    wait: { format: duration, default: null, doc: 'A wait.' },
    token: { format: secret, default: null, doc: 'A token.' },
    empty: { format: secret, default: '', doc: 'No token.' },
    headers: { format: headers, default: {}, doc: 'Headers.' },
    map: {
      format: keyedMapOf({ every: { format: duration, default: '0s', doc: 'A time.' } }),
      default: {},
      doc: 'A map.',
    },
  };
  const { config } = decodeBlock<Record<keyof typeof schema, unknown>>(
    schema as never,
    tree('{wait: 90s, token: hush, headers: {authorization: Bearer hush}, map: {a.b: {every: 100ms}}}'),
  );
  t.deepEqual(printBlock(schema as never, config), {
    wait: '90s',
    token: '[REDACTED]',
    empty: '',
    headers: { authorization: '[REDACTED]' },
    map: { 'a.b': { every: '100ms' } },
  });
});
