import test from 'ava';
import { attributeNamed, attributes, namesOf } from './attributes.ts';
import { flowMetrics, metricsOf } from './metrics.ts';

const label = (name: string) => name.replaceAll('.', '_');

test('no two attributes leave by the same label under a preset, also once dots are underscores', (t) => {
  for (const preset of ['beyla', 'obi', 'otel'] as const) {
    const labels = attributes.flatMap(({ names }) => (names[preset] === null ? [] : [label(names[preset])]));
    t.deepEqual(
      labels.filter((one, at) => labels.indexOf(one) !== at),
      [],
      preset,
    );
  }
});

test('no two metrics leave by the same name, also when every preset leaves', (t) => {
  const names = flowMetrics.flatMap(({ descriptors }) => Object.values(descriptors).flatMap((one) => one?.name ?? []));
  t.is(new Set(names.map(label)).size, names.length);
});

test('an attribute is found in every spelling in which it leaves, and by no other', (t) => {
  for (const name of ['src.address', 'src_address', 'source.address', 'source_address']) {
    t.is(attributeNamed(name)?.name, 'src.address', name);
  }
  t.is(attributeNamed('obi_ip')?.name, 'beyla.ip');
  t.is(attributeNamed('network.local.address')?.name, 'beyla.ip');
  t.is(attributeNamed('transprot'), undefined);
  t.deepEqual(namesOf('src.address'), ['src.address', 'src.address', 'source.address']);
  t.deepEqual(namesOf('http.route'), ['http.route']);
});

test('features choose metrics, and without any there are all', (t) => {
  t.deepEqual(
    metricsOf(['network']).map(({ descriptors }) => descriptors.beyla?.name),
    ['beyla.network.flow.bytes'],
  );
  t.is(metricsOf([]), flowMetrics);
});
