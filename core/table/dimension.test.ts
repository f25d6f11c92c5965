import test from 'ava';
import { EndpointDimension, MAX_ENDPOINTS } from './dimension.ts';

const ipv4 = (last: number) =>
  Buffer.from(`00000000000000000000ffff0a0000${last.toString(16).padStart(2, '0')}`, 'hex');

test('gives endpoints codes in the order in which they come, with their text and network type', (t) => {
  const dimension = new EndpointDimension();
  dimension.append(Buffer.concat([ipv4(1), Buffer.from(`20010db8${'0'.repeat(23)}1`, 'hex')]));
  dimension.append(ipv4(2));
  t.deepEqual(
    [0, 1, 2, 3].map((endpoint) => dimension.addresses.at(endpoint)),
    ['10.0.0.1', '2001:db8::1', '10.0.0.2', undefined],
  );
  const { codes, dictionary } = dimension.networkTypes();
  t.deepEqual(
    Array.from(codes, (code) => dictionary.at(code)),
    ['ipv4', 'ipv6', 'ipv4'],
  );
});

test('derives a column once per endpoint, and again only for endpoints marked dirty', (t) => {
  const dimension = new EndpointDimension();
  const asked: number[] = [];
  const zones = ['a', 'b', undefined, 'a'];
  const derive = () =>
    dimension.derive('zone', (endpoint) => {
      asked.push(endpoint);
      return zones[endpoint];
    });
  dimension.append(Buffer.concat([ipv4(0), ipv4(1), ipv4(2)]));
  derive();
  dimension.append(ipv4(3));
  zones[1] = 'c';
  dimension.markDirty(1);
  const { codes, dictionary } = derive();
  derive();
  t.deepEqual(asked, [0, 1, 2, 1, 3]);
  t.deepEqual(
    Array.from(codes, (code) => dictionary.at(code)),
    ['a', 'c', undefined, 'a'],
  );
});

test('a column given out before keeps its values when an endpoint changes or more endpoints come', (t) => {
  const dimension = new EndpointDimension();
  let zone = 'old';
  dimension.append(ipv4(0));
  const before = dimension.derive('zone', () => zone);
  zone = 'new';
  dimension.markDirty(0);
  for (let i = 0; i < 600; i++) dimension.append(ipv4(1));
  const after = dimension.derive('zone', () => zone);
  t.is(before.dictionary.at(before.codes[0]!), 'old');
  t.is(before.codes.length, 1);
  t.is(after.dictionary.at(after.codes[0]!), 'new');
  t.is(after.codes.length, 601);
});

test('is full at its limit, but not when its first collect alone brought that many', (t) => {
  const many = new Uint8Array(MAX_ENDPOINTS * 16);
  const grown = new EndpointDimension();
  grown.append(ipv4(0));
  t.false(grown.full);
  grown.append(many);
  t.true(grown.full);

  const born = new EndpointDimension(1);
  born.append(many);
  t.false(born.full);
  born.append(many);
  t.true(born.full);
  t.is(born.epoch, 1);
});

test('finds an endpoint by its address, also one that came after the first question', (t) => {
  const dimension = new EndpointDimension();
  dimension.append(ipv4(1));
  t.is(dimension.endpointOf('10.0.0.1'), 0);
  t.is(dimension.endpointOf('10.0.0.2'), undefined);
  dimension.append(ipv4(2));
  t.is(dimension.endpointOf('10.0.0.2'), 1);
});

test('a value exists as long as an endpoint has it, where endpoints lose it when it is gone', (t) => {
  const dimension = new EndpointDimension();
  dimension.append(new Uint8Array(3 * 16));
  const owners: (string | undefined)[] = ['web', 'web', 'db'];
  const derive = () => dimension.derive('owner', (endpoint) => owners[endpoint], { untilGone: true }).dictionary;
  const exists = (code: number) => derive().exists?.(code);
  t.deepEqual([exists(0), exists(1), exists(2)], [true, true, false]);
  owners[0] = undefined;
  dimension.markDirty(0);
  t.true(exists(0), 'the other one still has it');
  owners[1] = 'api';
  dimension.markDirty(1);
  t.deepEqual([exists(0), exists(1), exists(2)], [false, true, true]);
  dimension.retire();
  t.false(exists(1), 'nobody would learn that it is gone');
  t.is(dimension.derive('zone', () => 'a').dictionary.exists, undefined, 'of other columns nobody knows');
});
