import test from 'ava';
import { createTestFlows, valuesOf } from './testing.ts';
import { createZones, type Place } from './zones.ts';

const places: Readonly<Record<string, Place>> = {
  '10.0.0.1': { zone: 'a', region: 'west' },
  '10.0.0.2': { zone: 'b', region: 'west' },
  '10.0.0.3': { zone: 'a', region: 'east' },
  '10.0.0.4': { zone: 'a' },
  '10.0.0.5': { zone: 'b' },
  '10.0.0.6': { region: 'west' },
  '10.0.0.7': { region: 'east' },
  '203.0.113.6': { region: 'west' },
};

/** Ends, scope, whether it is between zones, and whether it is under Beyla's rule. */
const cases: readonly (readonly [string, string, string, boolean | undefined, boolean | undefined])[] = [
  ['10.0.0.1', '10.0.0.1', 'same_zone', false, false],
  ['10.0.0.1', '10.0.0.4', 'same_zone', false, false],
  ['10.0.0.1', '10.0.0.2', 'cross_zone', true, true],
  ['10.0.0.4', '10.0.0.5', 'cross_zone', true, true],
  ['10.0.0.1', '10.0.0.3', 'cross_region', true, true],
  ['10.0.0.2', '10.0.0.3', 'cross_region', true, true],
  ['10.0.0.6', '10.0.0.7', 'cross_region', undefined, undefined],
  ['10.0.0.1', '10.0.0.7', 'cross_region', undefined, true],
  ['10.0.0.1', '10.0.0.6', 'unknown', undefined, true],
  ['10.0.0.1', '8.8.8.8', 'external', undefined, true],
  ['8.8.8.8', '10.0.0.1', 'external', undefined, true],
  ['8.8.8.8', '1.1.1.1', 'external', undefined, undefined],
  ['2001:db8::1', 'fd00::1', 'external', undefined, undefined],
  ['10.0.0.1', '203.0.113.6', 'unknown', undefined, true],
  ['10.0.0.1', '10.9.9.9', 'unknown', undefined, true],
  ['10.9.9.8', '10.9.9.9', 'unknown', undefined, undefined],
  ['10.0.0.1', '224.0.0.251', 'unknown', undefined, true],
  ['127.0.0.1', '127.0.0.1', 'unknown', undefined, undefined],
];

for (const countUnknown of [false, true]) {
  const rule = countUnknown ? "by Beyla's rule" : 'when both zones are known and differ';
  test(`zones and regions of both ends tell the scope; a flow is between zones ${rule}`, (t) => {
    const addZones = createZones({
      countUnknown,
      placeOf: (endpoints, endpoint) => places[String(endpoints.addresses.at(endpoint))],
    });
    const table = addZones(createTestFlows()(cases.map(([src, dst]) => ({ src, dst }))));
    const between = valuesOf(table, 'network.flow.inter_zone');
    for (const [row, [src, dst, scope, known, beyla]] of cases.entries()) {
      t.is(valuesOf(table, 'scope')[row], scope, `${src} ${dst}`);
      t.is(between[row], countUnknown ? beyla : known, `${src} ${dst}`);
    }
    t.deepEqual(valuesOf(table, 'src.zone').slice(0, 3), ['a', 'a', 'a']);
    t.deepEqual(valuesOf(table, 'dst.region').slice(4, 6), ['east', 'east']);
    t.is(valuesOf(table, 'dst.zone')[9], undefined);
  });
}
