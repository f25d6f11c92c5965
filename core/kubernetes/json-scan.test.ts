import test from 'ava';
import { flag, list, number, object, type Reader, readJson, text, texts } from './json-scan.ts';

const read = <T>(json: string, reader: Reader<T>) => readJson(Buffer.from(json), reader);
const pod = object({
  metadata: object({ name: text, labels: texts((key) => key.startsWith('app')) }),
  spec: object({ hostNetwork: flag, priority: number }),
  status: object({ podIPs: list(object({ ip: text })) }),
});

test('only what is wanted is read, however deep the rest is', (t) => {
  const json = {
    kind: 'Pod',
    metadata: {
      managedFields: [{ 'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } }, text: '"}]{[\\' }],
      name: 'web-1',
      labels: { app: 'web', tier: 'front', 'app/part': 'x' },
    },
    spec: { containers: [{ image: 'a"b\\', args: [] }], hostNetwork: true, priority: -12.5e1 },
    status: { podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }], phase: null },
  };
  const wanted = {
    metadata: { name: 'web-1', labels: { app: 'web', 'app/part': 'x' } },
    spec: { hostNetwork: true, priority: -125 },
    status: { podIPs: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }] },
  } as const;
  t.deepEqual(read(JSON.stringify(json), pod), wanted);
  t.deepEqual(read(JSON.stringify(json, null, '\t'), pod), wanted);
});

test('escapes and other scripts come out as JSON has them', (t) => {
  for (const value of ['', 'plain', 'Zürich', '日本', 'a\\"b\n\u0001', '\\', '😀"']) {
    t.is(read(JSON.stringify(value), text), value);
    t.deepEqual(read(JSON.stringify({ x: value, name: value }), object({ name: text })), { name: value });
  }
});

test('an answer that is a page of HTML reads as absent', (t) => {
  t.is(read('<html></html>', pod), undefined);
});

test('a value of another type is stepped over and absent', (t) => {
  for (const other of ['"text"', '12', 'null', 'false', '[1,{"a":[]}]', '{"a":"}"}']) {
    const json = `{"metadata":${other},"spec":{"priority":[],"hostNetwork":"no"},"status":{"podIPs":${other}}}`;
    const found = read(json, pod);
    t.deepEqual(found?.spec, {});
    t.deepEqual(read(`{"name":${other},"b":"kept"}`, object({ b: text, name: list(text) }))?.b, 'kept');
  }
});

test('text that ends too early throws, wherever it ends', (t) => {
  const json = '{"metadata":{"name":"a\\"b","labels":{"app":"x"},"other":[1,{"y":"z"}]},"spec":{"priority":12}}';
  for (let length = 0; length < json.length; length++) {
    t.throws(() => read(json.slice(0, length), pod), { instanceOf: SyntaxError }, json.slice(0, length));
  }
  t.notThrows(() => read(json, pod));
});

test('what is no JSON at all throws instead of going round in circles', (t) => {
  for (const wrong of ['{]', '{"a" 1}', '[,', '[}', '{"metadata":}']) {
    t.throws(() => read(wrong, list(pod)) ?? read(wrong, pod), { instanceOf: SyntaxError }, wrong);
  }
});
