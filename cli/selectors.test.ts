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
  ['src=2001:db8:*', 'src.address', '2001:db8::7', '2001:db9::7'],
  ['dport=65535', 'dst.port', 65_535, 6553],
  ['dport=80*', 'dst.port', 8080, 443],
  ['direction.guessed=TRUE', 'direction.guessed', 'true', 'false'],
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
    ['dst=10.0.0.0/33', 'invalid CIDR address: 10.0.0.0/33', /0 to 32/],
    ['src=10.0.0.256', 'invalid address "10.0.0.256"', /10\.0\.0\.0\/8/],
    ['src=10.0.0', 'invalid address "10.0.0"', /10\.0\.\*/],
    ['src=10.0.0.256/8', 'invalid address "10.0.0.256/8"', /range/],
    ['dst=2001:db8::zz', 'invalid address "2001:db8::zz"', /2001:db8::\/32/],
    ['src.address=cart', 'invalid address "cart"', /glob/],
    ['dport=99999', 'invalid port "99999"', /^write a number from 0 to 65535/],
    ['dport=https', 'invalid port "https"', /65535/],
    ['client.port=-1', 'invalid port "-1"', /65535/],
    ['sport=0443', 'invalid port "0443"', /65535/],
    ['sampling.ratio=half', 'invalid number "half"', /whole number/],
    ['direction.guessed=yes', 'invalid value "yes"', /true or false/],
    ['dport={80', 'syntax error in pattern "{80"', /bracket/],
  ] as const) {
    const error = t.throws(() => parseSelector(text), { instanceOf: WeirError });
    t.is(error?.message, `invalid selector "${text}": ${message}`);
    t.is(error?.code, 'cli/usage');
    t.regex(error?.fix ?? '', fix);
  }
});
