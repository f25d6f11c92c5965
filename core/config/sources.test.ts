// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the configuration's own references look like this

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { expandTree } from './expand.ts';
import { noFindings } from './findings.ts';
import { readSources } from './sources.ts';
import { type ConfigNode, nearestNode, plainValue } from './tree.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-sources-'));
test.after.always(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

interface Resolved {
  readonly node: ConfigNode | undefined;
  readonly value: unknown;
  readonly asText: unknown;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

function resolve(
  uris: readonly string[],
  sets: readonly string[] = [],
  environment: Record<string, string> = {},
): Resolved {
  const findings = noFindings();
  const merged = readSources({ uris, sets, environment }, findings);
  const node = merged && findings.problems.length === 0 ? expandTree(merged, environment, findings) : undefined;
  return {
    node,
    value: node && plainValue(node, false),
    asText: node && plainValue(node, true),
    problems: findings.problems.map((problem) => problem.report()),
    warnings: findings.warnings,
  };
}

test('later files join maps and replace lists and scalars', (t) => {
  const base = file('base.yaml', 'a: {x: 1, y: {p: 1, q: 2}}\nlist: [1, 2]\n');
  const over = file('over.yaml', 'a: {y: {q: 3, r: 4}}\nlist: [9]\n');
  const { value, warnings } = resolve([base, over]);
  t.deepEqual(value, { a: { x: 1, y: { p: 1, q: 3, r: 4 } }, list: [9] });
  t.deepEqual(warnings, [`list: the list at ${base}:2:1 is replaced by the one at ${over}:2:1`]);
});

test('an explicit null of a later file wins, an empty map does not', (t) => {
  const base = file('null-base.yaml', 'a: {x: 1}\nb: {x: 1}\n');
  const over = file('null-over.yaml', 'a:\nb: {}\n');
  t.deepEqual(resolve([base, over]).value, { a: null, b: { x: 1 } });
});

test('--set wins over every file, whatever the order, and is read as YAML', (t) => {
  const base = file('set.yaml', 'a: {b: 1, c: 2}\n');
  const { value, node } = resolve([base, 'yaml:a::b: 5'], ['a.b=7', 'a.list=[x, y]', 'text=a=b']);
  t.deepEqual(value, { a: { b: 7, c: 2, list: ['x', 'y'] }, text: 'a=b' });
  t.is(node && nearestNode(node, ['a', 'b']).place, '--set a.b');
});

test('--set without an equal sign is refused', (t) => {
  t.deepEqual(resolve(['yaml:a: 1'], ['a.b']).problems, [
    'missing equal sign\n  --set a.b   write --set path.to.key=value   [cli/usage]',
  ]);
});

test('every node knows its line and column', (t) => {
  const path = file('places.yaml', 'a:\n  b: [x,\n      y]\n  # a comment\n  c: {d: 1}\n');
  const { node } = resolve([path]);
  const placeOf = (...steps: string[]) => node && nearestNode(node, steps).place;
  t.is(placeOf('a', 'b'), `${path}:2:3`);
  t.is(placeOf('a', 'b', '1'), `${path}:3:7`);
  t.is(placeOf('a', 'c', 'd'), `${path}:5:7`);
  t.is(placeOf('a', 'c', 'absent'), `${path}:5:3`);
});

test('keys with the path delimiter are nested maps', (t) => {
  t.deepEqual(resolve(['yaml:{a::b: 1, a::c: 2}']).value, { a: { b: 1, c: 2 } });
});

test('anchors, aliases and merge keys work as in YAML', (t) => {
  const yaml = 'yaml:{base: &base {x: 1, m: {p: 1}}, a: {<<: *base, m: {q: 2}}, b: *base, c: {<<: [{x: 3}, *base]}}';
  t.deepEqual(resolve([yaml]).value, {
    base: { x: 1, m: { p: 1 } },
    a: { x: 1, m: { q: 2 } },
    b: { x: 1, m: { p: 1 } },
    c: { x: 3, m: { p: 1 } },
  });
});

test('an anchor that contains itself is refused', (t) => {
  const [problem = ''] = resolve(['yaml:a: &a [*a]']).problems;
  t.regex(problem, /anchor 'a' value contains itself\n {2}yaml:1:8 {3}write it out {3}\[config\/yaml\]/);
});

test('bad YAML is reported with its place', (t) => {
  const path = file('bad.yaml', 'a:\n  b: [1, 2\nc: 3\n');
  const { problems } = resolve([path]);
  t.true(problems.length > 0);
  t.regex(
    problems[0] ?? '',
    /^cannot resolve the configuration: yaml: .*\n {2}\S+bad\.yaml:3:1 {3}mend the indentation.* {3}\[config\/yaml\]$/,
  );
});

test('a key that stands twice is an error at the second one', (t) => {
  const path = file('twice.yaml', 'a: 1\nb: 2\na: 3\n');
  t.deepEqual(resolve([path]).problems, [
    `cannot resolve the configuration: yaml: mapping key already defined\n  ${path}:3:1   keep one of the two   [config/yaml]`,
  ]);
});

test('a source that is no map cannot be a configuration', (t) => {
  t.regex(
    resolve(['yaml:[1]']).problems[0] ?? '',
    /^retrieved value \(type=\[\]interface \{\}\) cannot be used as a Conf/,
  );
  t.regex(resolve(['yaml:just text']).problems[0] ?? '', /^retrieved value \(type=string\) cannot be used as a Conf/);
});

test('all sources that cannot be read are reported together', (t) => {
  const { problems } = resolve(['/nowhere/a.yaml', 'https://example.com/a.yaml', 'env:1X']);
  t.is(problems.length, 3);
  t.regex(problems[0] ?? '', /unable to read the file \/nowhere\/a\.yaml: ENOENT.*\n {2}--config \/nowhere\/a\.yaml/);
  t.regex(problems[1] ?? '', /unsupported scheme on URI "https:\/\/example\.com\/a\.yaml"/);
  t.regex(problems[2] ?? '', /environment variable "1X" has invalid name/);
});

test('file:, yaml: and env: name sources', (t) => {
  const path = file('scheme.yaml', 'a: 1');
  t.deepEqual(resolve([`file:${path}`, 'yaml:b: 2', 'env:MORE'], [], { MORE: 'c: 3' }).value, { a: 1, b: 2, c: 3 });
});

const expanded = (text: string, environment: Record<string, string> = {}) =>
  resolve([`yaml:key: ${JSON.stringify(text)}`], [], environment);

test('a whole reference becomes what its text is as YAML, and keeps its text for text fields', (t) => {
  const { value, asText } = resolve(['yaml:{n: "${env:N}", b: "${B}", l: "${env:L}", s: "${env:S}"}'], [], {
    N: '0x10',
    B: 'true',
    L: '[a, b]',
    S: '"quoted"',
  });
  t.deepEqual(value, { n: 16, b: true, l: ['a', 'b'], s: '"quoted"' });
  t.like(asText, { n: '0x10', b: 'true' });
});

test('a reference inside a text is put in as text', (t) => {
  t.deepEqual(expanded('http://${env:HOST}:${env:PORT}/${env:NONE:-x}', { HOST: 'h', PORT: '0080' }).value, {
    key: 'http://h:0080/x',
  });
});

test('the default is for unset variables, not for empty ones', (t) => {
  t.deepEqual(expanded('${env:X:-7}').value, { key: 7 });
  t.deepEqual(expanded('a${env:X:-7}', { X: '' }).value, { key: 'a' });
  t.deepEqual(expanded('${env:X:-}').value, { key: null });
});

test('references nest', (t) => {
  t.deepEqual(expanded('${env:${WHICH}}', { WHICH: 'Y', Y: 'y' }).value, { key: 'y' });
  t.deepEqual(expanded('${env:X:-${env:Y}}', { Y: 'y' }).value, { key: 'y' });
  t.deepEqual(expanded('${env:X}', { X: 'a-${env:Y}', Y: 'y' }).value, { key: 'a-y' });
});

test('two dollar signs are one, and a lone one stands for itself', (t) => {
  t.deepEqual(expanded('$${env:X} $$ $HOME $1 ${unclosed', { X: 'x' }).value, {
    key: '${env:X} $ $HOME $1 ${unclosed',
  });
  t.deepEqual(expanded('$$${env:X}', { X: 'x' }).value, { key: '$x' });
});

test('an unset variable is a warning: null alone, nothing inside a text', (t) => {
  const { value, warnings } = resolve(['yaml:{whole: "${env:X}", part: "a${env:X}b"}']);
  t.deepEqual(value, { whole: null, part: 'ab' });
  t.deepEqual(warnings, [
    'Configuration references unset environment variable "X" at yaml:1:2',
    'Configuration references unset environment variable "X" at yaml:1:21',
  ]);
});

test('a file is read without its last line feed', (t) => {
  const token = file('token', 's3cret\n');
  const block = file('block.yaml', 'x: 1\n');
  t.deepEqual(resolve([`yaml:{token: "\${file:${token}}", block: "\${file:${block}}"}`]).value, {
    token: 's3cret',
    block: { x: 1 },
  });
});

test('references that cannot be resolved are errors with a place', (t) => {
  const report = (text: string, environment: Record<string, string> = {}) =>
    expanded(text, environment).problems.join('\n');
  t.regex(report('${http:x}'), /scheme "http" is not supported for uri "http:x"\n {2}yaml:1:1/);
  t.regex(report('${NAME:-x}'), /write \$\{env:NAME:-x\}/);
  t.regex(report('${env:9}'), /environment variable "9" has invalid name: must match regex/);
  t.regex(report('${file:/nowhere}'), /unable to read the file \/nowhere: ENOENT/);
  t.regex(report('${env:X}', { X: '${env:X}' }), /too many recursive expansions/);
  t.regex(report('${env:$$X}'), /contains unsupported characters/);
});
