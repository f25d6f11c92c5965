import test from 'ava';
import { EndpointDimension } from './dimension.ts';
import { createDueTimes, createLiveDimensions, endpointValues, withEndpointAttribute } from './endpoint-columns.ts';
import { createTestFlows, valuesOf } from './testing.ts';

test('a value of an endpoint is seen at both ends, and a table keeps the values of its time', (t) => {
  const tables = createTestFlows();
  const key = {};
  let suffix = '';
  const named = () => {
    const table = tables([
      { src: '10.0.0.1', dst: '10.0.0.2' },
      { src: '10.0.0.2', dst: '10.0.0.1' },
    ]);
    const { endpoints } = table.ends;
    return withEndpointAttribute(
      table,
      '{end}.cidr',
      endpoints.derive(key, (code) => `${code}${suffix}`),
    );
  };
  const before = named();
  suffix = '!';
  before.ends.endpoints.markDirty(1);
  const after = named();
  t.deepEqual(valuesOf(before, 'src.cidr'), ['0', '1']);
  t.deepEqual(valuesOf(before, 'dst.cidr'), ['1', '0']);
  t.deepEqual(valuesOf(after, 'src.cidr'), ['0', '1!']);
  t.is(endpointValues(after, '{end}.cidr')(1), '1!');
  t.is(endpointValues(after, '{end}.address')(1), '10.0.0.2');
  t.is(endpointValues(after, '{end}.zone')(1), undefined);
});

test('columns under different keys do not know of each other, and a dirty endpoint is derived again in each', (t) => {
  const dimension = new EndpointDimension();
  dimension.append(new Uint8Array(16));
  const [one, other] = [{}, {}];
  const asked: string[] = [];
  const derive = () => {
    dimension.derive(one, () => void asked.push('one'));
    dimension.derive(other, () => void asked.push('other'));
  };
  derive();
  derive();
  dimension.markDirty(0);
  derive();
  t.deepEqual(asked, ['one', 'other', 'one', 'other']);
});

test('marks an address in every live dimension that has it, and in no other', (t) => {
  const [first, second] = [new EndpointDimension(), new EndpointDimension(1)];
  const live = createLiveDimensions();
  const tables = [createTestFlows(first), createTestFlows(second)];
  const flows = [{ src: '10.0.0.1', dst: '2001:db8::1' }];
  tables[0]!(flows);
  tables[1]!([{ src: '10.0.0.9', dst: '10.0.0.1' }]);
  const asked: string[] = [];
  const derive = (dimension: EndpointDimension) =>
    dimension.derive('key', (endpoint) => void asked.push(`${dimension.epoch} ${dimension.addresses.at(endpoint)}`));
  for (const dimension of [first, second]) {
    live.see(dimension);
    live.see(dimension);
    derive(dimension);
  }
  asked.length = 0;
  t.deepEqual(live.find('10.0.0.1'), [
    [first, 0],
    [second, 1],
  ]);
  live.markDirty('10.0.0.1');
  live.markDirty('10.0.0.7');
  live.markDirty('2001:db8::1');
  derive(first);
  derive(second);
  t.deepEqual(asked, ['0 10.0.0.1', '0 2001:db8::1', '1 10.0.0.1']);
});

test('an endpoint is due when its time has come and it has rows, once', (t) => {
  const tables = createTestFlows();
  const both = tables([{ src: '10.0.0.1', dst: '10.0.0.2' }]);
  const { endpoints } = both.ends;
  const due = createDueTimes();
  const asked: number[] = [];
  const derive = () => endpoints.derive('key', (endpoint) => void asked.push(endpoint));
  derive();
  asked.length = 0;
  due.set(0, 100);
  due.set(1, 50);
  const others = tables([{ src: '10.0.0.3', dst: '10.0.0.1' }]);
  const ask = (table: typeof both, nowMs: number) => {
    due.markDue(table, nowMs);
    derive();
    return asked.splice(0);
  };
  t.deepEqual(ask(both, 49), [2]);
  t.deepEqual(ask(others, 99), []);
  t.deepEqual(ask(both, 99), [1]);
  t.deepEqual(ask(both, 99), []);
  t.deepEqual(ask(others, 100), [0]);
  t.deepEqual(ask(both, 1e9), []);
});
