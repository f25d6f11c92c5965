import test from 'ava';
import { ADDRESS_BYTES, isIPv4, parseAddress } from './address.ts';
import { type Prefix, parsePrefix } from './prefix.ts';
import { createPrefixTable } from './prefix-table.ts';

function prefixOf(text: string): Prefix {
  const prefix = parsePrefix(text);
  if ('message' in prefix) throw new Error(prefix.message);
  return prefix;
}

/** The text of the prefix that each address lies in. */
function find(prefixes: readonly string[], addresses: readonly string[]) {
  const table = createPrefixTable(prefixes.map(prefixOf));
  return addresses.map((address) => prefixes[table.find(parseAddress(address)!, 0)]);
}

const ranges = ['10.0.0.0/8', '10.1.2.0/24', '140.130.22.0/24', '2001:db8:3c4d:15::/64', '2001::/16'];

test("Beyla's vectors: the narrowest range wins in both families, and 0.0.0.0/0 takes the rest of IPv4 alone", (t) => {
  const addresses = ['10.3.4.5', '10.1.2.3', '2001:db8:3c4d:15:3210::', '2001:3333:3333::', '140.130.23.11', '3000::1'];
  const found = ['10.0.0.0/8', '10.1.2.0/24', '2001:db8:3c4d:15::/64', '2001::/16'];
  t.deepEqual(find(ranges, addresses), [...found, undefined, undefined]);
  t.deepEqual(find(['0.0.0.0/0', ...ranges], addresses), [...found, '0.0.0.0/0', undefined]);
  t.deepEqual(find(['::/0'], ['3000::1', '10.0.0.1']), ['::/0', undefined]);
});

test('the order of the ranges does not matter, and of equal ones the later wins', (t) => {
  t.deepEqual(find(ranges.toReversed(), ['10.3.4.5', '10.1.2.3']), ['10.0.0.0/8', '10.1.2.0/24']);
  const twice = createPrefixTable([prefixOf('10.0.0.0/8'), prefixOf('10.0.0.0/8')]);
  t.is(twice.find(parseAddress('10.0.0.1')!, 0), 1);
});

test('without ranges nothing is found', (t) => {
  t.deepEqual(find([], ['10.0.0.1', '::1']), [undefined, undefined]);
});

test('whatever the ranges, it finds what a look at each of them finds', (t) => {
  let state = 5;
  const random = (limit: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  /** Few different bytes, so that ranges lie in each other. */
  const randomBytes = (ipv4: boolean) =>
    Uint8Array.from({ length: ADDRESS_BYTES }, (_, at) => {
      if (!ipv4 || at >= 12) return [0, 1, 0x10, 0x80, 0xff][random(5)]!;
      return at >= 10 ? 0xff : 0;
    });
  const holds = ({ bytes, length }: Prefix, address: Uint8Array) => {
    if (isIPv4(bytes, 0) && length >= 96 !== isIPv4(address, 0)) return false;
    for (let bit = 0; bit < length; bit++) {
      const mask = 0x80 >> (bit & 7);
      if ((bytes[bit >> 3]! & mask) !== (address[bit >> 3]! & mask)) return false;
    }
    return true;
  };
  for (let round = 0; round < 30; round++) {
    const prefixes = Array.from({ length: 1 + random(200) }, (): Prefix => {
      const ipv4 = random(2) === 0;
      const length = ipv4 ? 96 + random(33) : 1 + random(128);
      const bytes = randomBytes(ipv4).map((byte, at) => byte & (0xff00 >> Math.min(8, Math.max(0, length - 8 * at))));
      return { text: '', bytes, length };
    });
    const table = createPrefixTable(prefixes);
    for (let probe = 0; probe < 300; probe++) {
      const address = randomBytes(random(2) === 0);
      const expected = prefixes.reduce((best, prefix, place) => {
        if (!holds(prefix, address) || (isIPv4(address, 0) && prefix.length < 96)) return best;
        return best === -1 || prefix.length >= prefixes[best]!.length ? place : best;
      }, -1);
      const found = table.find(address, 0);
      t.is(prefixes[found]?.length, prefixes[expected]?.length);
      t.is(found, expected);
    }
  }
});

test('a text that is no range is refused with what to write', (t) => {
  const problem = (text: string) => {
    const read = parsePrefix(text);
    return 'message' in read ? `${read.message} (${read.fix})` : 'none';
  };
  t.is(
    problem('10.1.2.3/8'),
    'invalid CIDR address: 10.1.2.3/8: bits are set behind the prefix (write 10.0.0.0/8 for the range, or 10.1.2.3/32 for this one address)',
  );
  t.is(
    problem('2001:db8::1/32'),
    'invalid CIDR address: 2001:db8::1/32: bits are set behind the prefix (write 2001:db8::/32 for the range, or 2001:db8::1/128 for this one address)',
  );
  t.is(problem('10.0.0.0/33'), 'invalid CIDR address: 10.0.0.0/33 (the length of an IPv4 range is 0 to 32)');
  t.is(problem('::/129'), 'invalid CIDR address: ::/129 (the length of an IPv6 range is 0 to 128)');
  t.is(problem('10.0.0.1'), 'invalid CIDR address: 10.0.0.1 (add the length: 10.0.0.1/32 for this one address)');
  for (const text of ['', '/8', '10.0.0/8', 'office', '10.0.0.0/-1', '10.0.0.0/8/8', '10.0.0.0/ 8']) {
    t.regex(problem(text), /^invalid CIDR address: .*\(write an address and a length/s, text);
  }
});
