import test from 'ava';
import { type CompiledCondition, compileCondition } from './compile.ts';
import { type PointSource, pointContext } from './points.ts';
import { EvaluationError, OttlError } from './syntax.ts';

const attributes: Readonly<Record<string, string | number | boolean>> = {
  'src.address': '10.1.2.3',
  'dst.address': '2001:db8::1',
  'src.name': 'shop-7d9',
  'dst.name': 'shop-7d9',
  'dst.port': 53,
  transport: 'UDP',
  'direction.guessed': true,
  custom: 'x',
};

const source: PointSource = {
  resource: { attributes: { 'k8s.node.name': 'node-1', 'host.cpus': 4 } },
  scope: { name: 'weir', version: '0.1.0' },
  place: 0,
  value: (name) => attributes[name],
  attributeNames: Object.keys(attributes),
};

const compile = (text: string) =>
  compileCondition(
    text,
    pointContext('datapoint', () => undefined),
  );

function holds(condition: CompiledCondition<PointSource>): boolean {
  if (condition.kind === 'test') return condition.test(source);
  if (condition.kind === 'not') return !holds(condition.operand);
  if (condition.kind === 'and') return holds(condition.left) && holds(condition.right);
  return holds(condition.left) || holds(condition.right);
}

const truths: readonly (readonly [boolean, string])[] = [
  [true, 'attributes["transport"] == "UDP"'],
  [true, 'datapoint.attributes["transport"] == "UDP"'],
  [true, 'attributes["network.transport"] == "UDP"'],
  [true, 'attributes["src_address"] == "10.1.2.3"'],
  [false, 'attributes["transport"] != "UDP"'],
  [true, 'attributes["custom"] == "x"'],
  // Types.
  [true, 'attributes["dst.port"] == 53'],
  [true, 'attributes["dst.port"] == 53.0'],
  [false, 'attributes["dst.port"] == "53"'],
  [true, 'attributes["dst.port"] != "53"'],
  [false, 'attributes["dst.port"] < "6"'],
  [true, 'attributes["dst.port"] < 53.5'],
  [true, 'attributes["direction.guessed"] == true'],
  [true, 'attributes["direction.guessed"] > false'],
  [true, 'attributes["src.zone"] == nil'],
  [false, 'attributes["src.zone"] != nil'],
  [false, 'attributes["src.zone"] < "a"'],
  [true, 'nil <= nil'],
  [true, '"a" < "b"'],
  [true, '["a", 1] == ["a", 1]'],
  [false, '["a", 1] == ["a", 2]'],
  [true, '{"a": [1]} == {"a": [1]}'],
  [true, '0x0a0b == 0x0A0B'],
  [true, '-1 < +1'],
  [true, '.5 < 1'],
  // Precedence.
  [true, 'true or false and false'],
  [false, '(true or false) and false'],
  [true, 'not false and true'],
  [false, 'not (false or true)'],
  [true, 'not not true'],
  [true, '(attributes["dst.port"] + 1) * 2 == 108'],
  [true, '((attributes["dst.port"])) == 53'],
  [true, '((attributes["dst.port"] == 53))'],
  [true, '1 + 2 * 3 == 7'],
  [true, '7 / 2 == 3'],
  [true, '-7 / 2 == -3'],
  [true, '7.0 / 2.0 == 3.5'],
  [true, '1\n  +1\n  == 2'],
  // Paths and enums.
  [true, 'resource.attributes["k8s.node.name"] == "node-1"'],
  [true, 'resource.attributes["host.cpus"] == 4'],
  [true, 'resource.attributes["none"] == nil'],
  [true, 'scope.name == "weir" and instrumentation_scope.version == "0.1.0"'],
  [true, 'METRIC_DATA_TYPE_SUM == 2 and AGGREGATION_TEMPORALITY_CUMULATIVE == 2'],
  [true, 'metric.name == nil'],
  [true, 'Len(attributes) == 8'],
  [true, 'attributes[Concat(["dst", "port"], ".")] == 53'],
  // Converters.
  [true, 'IsMatch(attributes["src.name"], "^shop-[0-9a-f]+$")'],
  [true, 'IsMatch(attributes["src.name"], "(?i)SHOP")'],
  [true, 'IsMatch(attributes["dst.port"], "5\\\\d")'],
  [true, 'IsMatch("a-b_c", "a\\\\-b\\\\_c\\\\z")'],
  [true, 'IsMatch("ab", "^[[:alpha:]]+$")'],
  [false, 'IsMatch(attributes["src.zone"], ".*")'],
  [true, 'HasPrefix(attributes["src.name"], "shop")'],
  [false, 'HasPrefix(attributes["src.zone"], "")'],
  [true, 'HasSuffix(attributes["src.name"], "d9")'],
  [true, 'IsInCIDR(attributes["src.address"], ["192.168.0.0/16", "10.0.0.0/8"])'],
  [false, 'IsInCIDR(attributes["src.address"], ["11.0.0.0/8"])'],
  [true, 'IsInCIDR(attributes["dst.address"], ["2001:db8::/32"])'],
  [false, 'IsInCIDR(attributes["dst.address"], ["0.0.0.0/0"])'],
  [false, 'IsInCIDR(attributes["src.name"], ["0.0.0.0/0"])'],
  [false, 'IsInCIDR(attributes["src.zone"], ["0.0.0.0/0", "::/0"])'],
  [true, 'IsString(attributes["transport"]) and IsInt(attributes["dst.port"]) and IsBool(true)'],
  [true, 'IsMap(attributes) and IsList([]) and IsDouble(1.5) and not IsString(nil)'],
  [true, 'Concat(["a", 1, nil], "-") == "a-1-<nil>"'],
  [true, 'Split("a,b", ",")[1] == "b"'],
  [true, 'Len("é") == 2 and Len([1, 2]) == 2'],
  [true, 'Int("42") == 42 and Int(4.9) == 4 and Int("x") == nil and Int(true) == 1'],
  [true, 'ContainsValue(["TCP", "UDP"], attributes["transport"])'],
  [true, 'ContainsValue(item = "a", target = ["a"])'],
  // The example of the specification of Community ID.
  [true, 'CommunityID("128.232.110.120", 34855, "66.35.250.204", 80) == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="'],
  [true, 'CommunityID("66.35.250.204", 80, "128.232.110.120", 34855, "TCP") == "1:LQU9qZlK+B5F3KDmev6m5PMibrg="'],
];

for (const [expected, text] of truths) {
  test(`it is ${expected} that ${text}`, (t) => {
    t.is(holds(compile(text)), expected);
  });
}

const syntax = 'condition has invalid syntax: ';
const refusals: readonly (readonly [text: string, message: string, fix?: string])[] = [
  ['', `${syntax}1:1: unexpected token "<EOF>" (expected a value)`],
  [
    'attributes["a"] = 1',
    `${syntax}1:17: unexpected token "=" (expected a comparison such as ==)`,
    'write == to compare',
  ],
  ['attributes["a"] == ', `${syntax}1:20: unexpected token "<EOF>" (expected a value)`],
  ['true and\n  attributes["a" == 1', `${syntax}2:18: unexpected token "==" (expected "]")`],
  ['(true or false', `${syntax}1:15: unexpected token "<EOF>" (expected ")")`],
  ['true false', `${syntax}1:6: unexpected token "false" (expected "and", "or" or the end)`],
  ['metric.name', `${syntax}1:12: unexpected token "<EOF>" (expected a comparison such as ==)`],
  ["name == 'a'", `${syntax}1:9: invalid input text "'a'"`, 'strings stand in double quotes'],
  ['name == "a', `${syntax}1:9: invalid input text ""a"`, 'close the quotes'],
  ['true && false', `${syntax}1:6: invalid input text "&& false"`, 'write and'],
  ['"\\q" == "a"', `${syntax}1:1: invalid quoted string "\\q"`],
  ['0x0 == nil', `${syntax}1:1: 0x0 has an odd number of hex digits`, 'write two digits a byte'],
  ['1 == 99999999999999999999', `${syntax}1:6: 99999999999999999999 does not fit into 64 bits`],
  ['isMatch("a", "b")', `${syntax}1:1: converter names must start with an uppercase letter but got 'isMatch'`],
  ['not '.repeat(200), `${syntax}1:401: nested more than 100 levels deep`, 'split it into several conditions'],
  ['IsMach("a", "b")', '1:1: undefined function "IsMach"', "did you mean 'IsMatch'?"],
  ['IsMatch("a")', '1:1: incorrect number of arguments. Expected: 2 Received: 1', 'it takes IsMatch(target, pattern)'],
  [
    'HasPrefix("a", "b", "c")',
    '1:21: incorrect number of arguments or unknown name in HasPrefix',
    'it takes HasPrefix(value, prefix)',
  ],
  ['true or IsMatch("a", "(")', '1:22: the pattern supplied to IsMatch is not a valid regexp pattern: '],
  [
    'IsMatch("a", "(?=b)")',
    '1:14: the pattern supplied to IsMatch is not a valid regexp pattern: look-around is not supported',
  ],
  [
    'IsInCIDR("a", ["10.0.0.0/33"])',
    '1:15: IsInCIDR: invalid CIDR address: 10.0.0.0/33',
    'the length of an IPv4 range is 0 to 32',
  ],
  ['IsInCIDR("a", "10.0.0.0/8")', '1:15: IsInCIDR: expected a list but got string', 'write a list: ["10.0.0.0/8"]'],
  ['metric.nam == "a"', `1:1: segment "metric.nam" is not a path of the metric context`, "did you mean 'metric.name'?"],
  [
    'METRIC_DATA_TYPE_SUMM == 2',
    '1:1: enum symbol not found: METRIC_DATA_TYPE_SUMM',
    "did you mean 'METRIC_DATA_TYPE_SUM'?",
  ],
  ['true or 1 / 0 == 1', '1:11: attempted to divide by 0'],
  ['1 + 1.5 == 2', '1:3: cannot calculate int + float'],
  ['Split("a", ",")[1] == "b"', '1:1: index 1 out of bounds of a list of 1'],
];

for (const [text, message, fix] of refusals) {
  test(`refuses ${JSON.stringify(text.slice(0, 40))} with the place and what is wrong`, (t) => {
    const error = t.throws(() => compile(text), { instanceOf: OttlError });
    t.true(error.message.startsWith(message), error.message);
    if (fix !== undefined) t.is(error.fix, fix);
  });
}

test('what fails for the data of a row says so when it is asked, not before', (t) => {
  for (const text of [
    'attributes["dst.port"] / 0 == 1',
    'HasPrefix(attributes["dst.port"], "5")',
    'Len(attributes["dst.port"]) == 1',
    'Split(attributes["transport"], "D")[7] == "x"',
    'Int(attributes["transport"]) + 1 == 2',
    'Concat([attributes["transport"]], "")',
  ]) {
    const condition = compile(text);
    t.throws(() => holds(condition), { instanceOf: EvaluationError }, text);
  }
});
