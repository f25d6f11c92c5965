import test from 'ava';
import { WeirError } from '../core/errors.ts';
import { parseSelector } from './selectors.ts';

const cases: readonly (readonly [
  text: string,
  attribute: string,
  matching: string | number,
  other: string | number,
])[] = [
  ['src=10.0.0.1', 'src.address', '10.0.0.1', '10.0.0.10'],
  ['dst=10.0.0.0/8', 'dst.address', '10.200.0.1', '11.0.0.1'],
  ['dst=2001:db8::/32', 'dst.address', '2001:db8::7', '2001:db9::7'],
  ['src=::ffff:10.0.0.1', 'src.address', '10.0.0.1', '10.0.0.2'],
  ['src=10.0.*', 'src.address', '10.0.7.1', '10.1.0.1'],
  ['src=cart', 'src.name', 'cart', 'cart-2'],
  ['dst=*.example', 'dst.name', 'shop.example', 'shop'],
  ['dport=443', 'dst.port', 443, 8443],
  ['port={80,443}', 'server.port', 80, 8080],
  ['proto=tcp', 'transport', 'TCP', 'UDP'],
  ['k8s_src_owner_name=c*', 'k8s.src.owner.name', 'cart', 'shop'],
  ['source.port=1', 'src.port', 1, 2],
  ['src.address=10.0.0.1', 'src.address', '10.0.0.1', '10.0.0.2'],
];

for (const [text, attribute, matching, other] of cases) {
  test(`${text} asks for ${attribute}`, (t) => {
    const selector = parseSelector(text);
    t.is(selector.attribute, attribute);
    t.true(selector.matches(matching));
    t.false(selector.matches(other));
    t.false(selector.matches(undefined));
  });
}

test('what is no selector is refused with what to write', (t) => {
  for (const [text, message, fix] of [
    ['10.0.0.1', 'missing equal sign', /ATTRIBUTE=VALUE/],
    ['src=', 'missing value', /ATTRIBUTE=VALUE/],
    ['scr=10.0.0.1', 'unknown attribute "scr"', /^did you mean 'src'\?$/],
    ['dst.zon=a', 'unknown attribute "dst.zon"', /^did you mean 'dst.zone'\?$/],
    ['dst=10.0.0.1/8', 'invalid CIDR address: 10.0.0.1/8: bits are set behind the prefix', /10\.0\.0\.0\/8/],
    ['dport={80', 'syntax error in pattern "{80"', /bracket/],
  ] as const) {
    const error = t.throws(() => parseSelector(text), { instanceOf: WeirError });
    t.is(error?.message, `invalid selector "${text}": ${message}`);
    t.is(error?.code, 'cli/usage');
    t.regex(error?.fix ?? '', fix);
  }
});
