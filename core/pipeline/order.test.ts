import test from 'ava';
import { orderProblems } from './order.ts';
import { sampleConfig, samplePipeline, sampleProcessor } from './samples.ts';

const processors = [
  sampleProcessor('k8s_attributes', { adds: ['k8s.src.node.name'] }),
  sampleProcessor('zone', { needs: ['k8s.src.node.name'], adds: ['src.zone'] }),
  sampleProcessor('attribute_select', { produces: 'metrics' }),
  sampleProcessor('delta_to_cumulative', { consumes: 'metrics' }),
  sampleProcessor('batch', { consumes: 'both' }),
  sampleProcessor('port_names', { needs: ['server.port'] }),
];

const reports = (...ids: string[]) =>
  orderProblems(sampleConfig({ processors, pipelines: [samplePipeline(ids)] })).map((problem) => problem.report());

test('enrichment, selection and accumulation in this order work', (t) => {
  t.deepEqual(reports('batch', 'k8s_attributes', 'zone', 'attribute_select', 'batch', 'delta_to_cumulative'), []);
  t.deepEqual(reports('delta_to_cumulative', 'batch'), []);
  t.deepEqual(reports(), []);
});

test('attribute_select after delta_to_cumulative is an error that names both and the fix', (t) => {
  t.deepEqual(reports('delta_to_cumulative', 'attribute_select'), [
    'processor "attribute_select" works on flows, but "delta_to_cumulative" before it leaves only metrics\n' +
      '  collector.yaml:1:1  service::pipelines::metrics::processors   ' +
      'put attribute_select before delta_to_cumulative   [config/order]',
  ]);
});

test('enrichment after the selection is an error', (t) => {
  t.regex(reports('attribute_select', 'k8s_attributes')[0] ?? '', /put k8s_attributes before attribute_select/);
});

test('an attribute that is filled too late is an error that says what to move', (t) => {
  const [report = ''] = reports('zone', 'k8s_attributes');
  t.regex(
    report,
    /^processor "zone" needs the attribute k8s.src.node.name, which only "k8s_attributes" behind it fills/,
  );
  t.regex(report, /put k8s_attributes before zone/);
});

test('an attribute that nothing fills is an error, one that the receiver fills is not', (t) => {
  t.regex(reports('zone')[0] ?? '', /^processor "zone" needs .* which nothing before it fills/);
  t.deepEqual(reports('port_names'), []);
});

test('every mistake of every pipeline is reported', (t) => {
  const pipelines = [
    samplePipeline(['zone', 'delta_to_cumulative', 'attribute_select']),
    samplePipeline(['attribute_select', 'zone'], { id: 'metrics/two' }),
  ];
  const problems = orderProblems(sampleConfig({ processors, pipelines }));
  t.deepEqual(
    problems.map(({ path }) => path),
    ['metrics', 'metrics', 'metrics/two', 'metrics/two'].map((id) => `service::pipelines::${id}::processors`),
  );
});
