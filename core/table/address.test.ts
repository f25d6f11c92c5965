import test from 'ava';
import { addressText, isIPv4 } from './address.ts';

const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

test('writes IPv4 dotted and IPv6 as RFC 5952 says', (t) => {
  const texts = {
    '00000000000000000000ffff0a000001': '10.0.0.1',
    '00000000000000000000fffeffffffff': '::fffe:ffff:ffff',
    '00000000000000000000000000000000': '::',
    '00000000000000000000000000000001': '::1',
    '20010db8000000000000000000000000': '2001:db8::',
    '20010db8000000010001000100010001': '2001:db8:0:1:1:1:1:1',
    '20010db8000000000001000000000001': '2001:db8::1:0:0:1',
    '20010000000000010000000000000001': '2001:0:0:1::1',
    fe800000000000000abcdef012345678: 'fe80::abc:def0:1234:5678',
    '20010db8aaaabbbbccccddddeeee0001': '2001:db8:aaaa:bbbb:cccc:dddd:eeee:1',
  };
  for (const [hex, text] of Object.entries(texts)) t.is(addressText(bytesOf(hex), 0), text);
});

test('reads an address from the middle of many', (t) => {
  const bytes = bytesOf(`${'2001'.repeat(8)}00000000000000000000ffffc0000207`);
  t.is(addressText(bytes, 16), '192.0.2.7');
  t.true(isIPv4(bytes, 16));
  t.false(isIPv4(bytes, 0));
});
