/** `weir validate` on rules that cannot work: each mistake with its place in the file and what to do. */

import test from 'ava';
import { components } from '../components.ts';
import { callCommand } from './command-line.ts';

async function validate(processors: string, order = 'filter, attribute_select') {
  let problems = '';
  const config = `yaml:receivers: {ebpf_network: }
processors:
  attribute_select:
  filter:
${processors.replace(/^/gm, '    ')}
exporters: {debug: }
service: {pipelines: {metrics: {receivers: [ebpf_network], processors: [${order}], exporters: [debug]}}}`;
  const code = await callCommand(['validate', '--config', config], {
    components,
    environment: {},
    print: () => undefined,
    complain: (text) => {
      problems += text;
    },
  });
  return { code, problems };
}

const cases: readonly (readonly [name: string, block: string, report: string])[] = [
  [
    'a glob whose bracket stays open',
    'network:\n  src.address: {match: "10.[0"}',
    `processors::filter::network::src.address::match: syntax error in pattern "10.[0"
  yaml:6:21  processors::filter::network::src.address::match   close the bracket or brace, or put \\ before it   [config/value]`,
  ],
  [
    'match and not_match in one entry',
    'network:\n  transport: {match: UDP, not_match: TCP}',
    `processors::filter::network::transport: has both match and not_match
  yaml:6:7  processors::filter::network::transport   leave one of them out   [config/value]`,
  ],
  [
    'an attribute that does not exist',
    'network:\n  transprot: {match: UDP}',
    `processors::filter::network::transprot: unknown attribute "transprot"
  yaml:6:7  processors::filter::network::transprot   did you mean 'transport'?   [config/value]`,
  ],
  [
    'one attribute in two spellings, which after renaming are the same label',
    'network:\n  src.port: {match: "1"}\n  source_port: {match: "2"}',
    `processors::filter::network::source_port: "source_port" and "src.port" are the same attribute
  yaml:7:7  processors::filter::network::source_port   join them in one glob, such as "{a,b}"   [config/value]`,
  ],
  [
    'a condition with a syntax error, by line and column in it',
    `metric_conditions:\n  - "true"\n  - 'attributes["transport"] = "UDP"'`,
    `processors::filter::metric_conditions::1: unable to parse OTTL condition "attributes[\\"transport\\"] = \\"UDP\\"": condition has invalid syntax: 1:25: unexpected token "=" (expected a comparison such as ==)
  yaml:7:9  processors::filter::metric_conditions::1   write == to compare   [config/value]`,
  ],
  [
    'a function that does not exist',
    `metrics:\n  datapoint: ['IsMach(attributes["transport"], "U.*")']`,
    `processors::filter::metrics::datapoint::0: unable to parse OTTL condition "IsMach(attributes[\\"transport\\"], \\"U.*\\")": 1:1: undefined function "IsMach"
  yaml:6:19  processors::filter::metrics::datapoint::0   did you mean 'IsMatch'?   [config/value]`,
  ],
  [
    'conditions for other signals',
    'log_conditions: [true]',
    `error decoding 'processors': error decoding 'filter': has invalid keys: log_conditions
  yaml:5:5  processors::filter::log_conditions   it lives elsewhere: a collector behind this agent, which makes metrics only   [config/unknown-key]`,
  ],
];

for (const [name, block, report] of cases) {
  test(`validate refuses ${name}`, async (t) => {
    const { code, problems } = await validate(block);
    t.is(code, 1);
    t.is(problems.trimEnd(), report);
  });
}

test('validate refuses a condition about metrics where there are only flows yet, and takes it behind them', async (t) => {
  const block = `metric_conditions: ['metric.name == "a"']`;
  const { code, problems } = await validate(block);
  t.is(code, 1);
  t.regex(problems, /processor "attribute_select" works on flows, but "filter" before it leaves only metrics/);
  t.regex(problems, /put attribute_select before filter/);
  t.deepEqual(await validate(block, 'attribute_select, filter'), { code: 0, problems: '' });
  t.deepEqual(await validate(block, 'filter'), { code: 0, problems: '' });
  t.deepEqual(await validate(`metric_conditions: ['attributes["transport"] == "UDP"']`), { code: 0, problems: '' });
});
