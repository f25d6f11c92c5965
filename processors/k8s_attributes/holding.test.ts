/** Flows of addresses that the cluster should know and does not know yet. */

import { execFileSync } from 'node:child_process';
import test from 'ava';
import type { HeldRows } from '../../core/component/define.ts';
import { valuesOf } from '../../core/table/testing.ts';
import { setUp } from '../../test/support/kubernetes-flows.ts';
import { node, pod } from '../../test/support/kubernetes-objects.ts';
import { until } from '../../test/support/until.ts';

const late = pod({ name: 'late', namespace: 'shop', node: 'node-b', ips: ['10.244.2.9'], hostIps: ['192.168.1.2'] });
const known = { src: '10.244.1.5', dst: '10.244.2.7', bytes: 1 };
const unknown = { src: '10.244.1.5', dst: '10.244.2.9', bytes: 20 };

async function isReady({ ready }: HeldRows): Promise<boolean> {
  let done = false;
  void ready.then(() => {
    done = true;
  });
  for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  return done;
}

test('flows of an unknown address of the cluster are held back, and named when it is known', async (t) => {
  const { out, api, store, clock, host } = await setUp(t);
  const [passed, held] = out([known, unknown]);
  t.deepEqual(passed?.kind === 'flows' && [...passed.measures.bytes], [1]);
  if (held?.kind !== 'held') throw new Error('nothing is held');
  t.deepEqual([...held.table.places!], [1]);
  t.is(host.metric('otelcol_k8s_attributes_held_rows'), 1);
  clock.advance(1000);
  t.false(await isReady(held));
  const { endNs } = held.table.window;

  api.put(late);
  await until('it is known', () => store.podByName('shop', 'late') !== undefined);
  clock.advance(1000);
  t.true(await isReady(held));
  const [named] = held.release();
  if (named?.kind !== 'flows') throw new Error('no flows');
  t.deepEqual(valuesOf(named, 'k8s.dst.name'), ['late']);
  t.deepEqual(valuesOf(named, 'dst.name'), ['late']);
  t.deepEqual([...named.measures.bytes], [20]);
  t.is(named.window.endNs, endNs);
  t.is(host.metric('otelcol_k8s_attributes_held_rows'), 0);
  t.is(host.metric('otelcol_k8s_attributes_held_rows_total', '.*result="named"'), 1);
  // The next table has the name at once.
  const [next, ...more] = out([known, unknown]);
  t.deepEqual(more, []);
  t.deepEqual(next?.kind === 'flows' && valuesOf(next, 'k8s.dst.name'), ['cart-5d78c-x2x', 'late']);
});

test('an address that stays unknown is waited for once, and its flows go on as they are, counted', async (t) => {
  const { out, clock, host } = await setUp(t);
  const [, first] = out([unknown]);
  clock.advance(5000);
  const [, second] = out([unknown]);
  if (first?.kind !== 'held' || second?.kind !== 'held') throw new Error('nothing is held');
  t.false(await isReady(first));
  clock.advance(5000);
  t.true(await isReady(first));
  t.true(await isReady(second), 'its time began with the first');
  for (const held of [first, second]) {
    const [made] = held.release();
    t.deepEqual(made?.kind === 'flows' && valuesOf(made, 'k8s.dst.name'), [undefined]);
    t.deepEqual(made?.kind === 'flows' && valuesOf(made, 'dst.name'), ['10.244.2.9']);
  }
  t.is(host.metric('otelcol_k8s_attributes_held_rows_total', '.*result="unknown"'), 2);
  t.like(out([unknown]), [{ kind: 'flows', rows: 1 }]);
});

// They were the arguments of one call, which takes some 120,000 on the stack of a main thread: the agent died of it. Test
// files run on threads with a larger one, hence a process.
test('flows of very many unknown addresses are held back like those of a few', (t) => {
  const script = `
    const { createHolding } = await import(${JSON.stringify(import.meta.resolve('./holding.ts'))});
    const { createTestFlows } = await import(${JSON.stringify(import.meta.resolve('../../core/table/testing.ts'))});
    const metrics = { counter: () => ({ add() {} }), gauge: () => ({ set() {} }), onScrape() {} };
    const clock = { monotonicMs: () => performance.now() };
    const options = { lateMs: 1, isUnknown: () => false, isAwaited: () => true, giveUp() {} };
    const holding = createHolding(options, { id: 'k8s_attributes', clock, metrics });
    const address = (first, n) => [first + (n >> 16), (n >> 8) & 0xff, n & 0xff].join('.');
    const flows = Array.from({ length: 80_000 }, (_, n) => ({ src: '10.' + address(0, n), dst: '10.' + address(9, n) }));
    const held = holding.hold(createTestFlows()(flows), Uint32Array.from(flows.keys()));
    await held.ready;
    process.stdout.write(String(held.table.rows));
  `;
  const args = ['--input-type=module', '--eval', script];
  t.is(execFileSync(process.execPath, args, { encoding: 'utf8', stdio: 'pipe' }), '80000');
});

test('rows that are let go of before their time are counted as such', async (t) => {
  const { out, host } = await setUp(t);
  const [, held] = out([unknown]);
  if (held?.kind !== 'held') throw new Error('nothing is held');
  t.like(held.release(), [{ kind: 'flows', rows: 1 }]);
  t.is(host.metric('otelcol_k8s_attributes_held_rows_total', '.*result="stopped"'), 1);
});

test('addresses outside of the ranges of the nodes are not waited for; where no node names one, public ones are not', async (t) => {
  const flows = ['10.244.2.9', '10.0.0.9', '192.168.9.9', '100.64.0.9', 'fd00:99::9', '8.8.8.8'].map((dst) => ({
    src: '10.244.1.5',
    dst,
  }));
  const waitedFor = async (objects?: Parameters<typeof setUp>[2]) => {
    const { out } = await setUp(t, {}, objects);
    return out(flows).flatMap((one) => (one.kind === 'held' ? valuesOf(one.table, 'dst.address') : []));
  };
  t.deepEqual(await waitedFor(), ['10.244.2.9', '10.0.0.9', '192.168.9.9', '100.64.0.9', 'fd00:99::9']);
  const ranged = node({ name: 'node-a', ips: ['192.168.1.1'], podCidrs: ['10.244.0.0/16', 'fd00:99::/64'] });
  const objects = [ranged, pod({ name: 'client', node: 'node-a', ips: ['10.244.1.5'], hostIps: ['192.168.1.1'] })];
  t.deepEqual(await waitedFor({ objects }), ['10.244.2.9', 'fd00:99::9']);
});

test('late_enrichment: 0s holds nothing back', async (t) => {
  const { out } = await setUp(t, { flow: { late_enrichment: '0s' } });
  t.like(out([known, unknown]), [{ kind: 'flows', rows: 2 }]);
});

test('what is held back has columns of its own: the receiver may write over its arrays', async (t) => {
  const { processor, table } = await setUp(t);
  const given = table([known, unknown]);
  const [, held] = processor.flows!(given);
  if (held?.kind !== 'held') throw new Error('nothing is held');
  given.measures.bytes.fill(0);
  given.ends.src.fill(0);
  given.ends.dst.fill(0);
  const [made] = held.release();
  if (made?.kind !== 'flows') throw new Error('no flows');
  t.deepEqual([...made.measures.bytes], [20]);
  t.deepEqual(
    ['src.address', 'dst.address', 'dst.port', 'transport'].map((name) => valuesOf(made, name)[0]),
    ['10.244.1.5', '10.244.2.9', 443, 'TCP'],
  );
});
