import test from 'ava';
import { type AddressKind, addressKind, addressText, isIPv4, parseAddress } from './address.ts';

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

test('reads what it writes, and IPv6 with a dotted end', (t) => {
  const texts = [
    '10.0.0.1',
    '::',
    '::1',
    '2001:db8::',
    '2001:db8::1:0:0:1',
    '2001:0:0:1::1',
    'fe80::abc:def0:1234:5678',
  ];
  for (const text of texts) t.is(addressText(parseAddress(text)!, 0), text);
  t.is(addressText(parseAddress('::ffff:192.0.2.7')!, 0), '192.0.2.7');
  t.is(addressText(parseAddress('64:ff9b::192.0.2.33')!, 0), '64:ff9b::c000:221');
  t.is(addressText(parseAddress('2001:DB8:0:0:0:0:0:1')!, 0), '2001:db8::1');
  for (const none of ['', '10.0.0', '10.0.0.256', '[::1]', 'fe80::1%eth0', '1::2::3', 'example.com', '10.0.0.1/8']) {
    t.is(parseAddress(none), undefined, none);
  }
});

test('tells addresses of the internet, of a network and of one host or link apart', (t) => {
  const kinds: Readonly<Record<AddressKind, readonly string[]>> = {
    public: ['8.8.8.8', '172.15.255.255', '172.32.0.0', '100.63.0.1', '100.128.0.1', '192.0.2.1', '2001:db8::1', '::2'],
    private: [
      '10.0.0.0',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '100.64.0.1',
      '100.127.0.1',
      'fc00::1',
      'fd12::',
    ],
    local: [
      '127.0.0.1',
      '0.0.0.0',
      '169.254.169.254',
      '224.0.0.251',
      '255.255.255.255',
      '::1',
      '::',
      'fe80::1',
      'febf::1',
      'ff02::fb',
    ],
  };
  for (const [kind, addresses] of Object.entries(kinds)) {
    for (const address of addresses) t.is(addressKind(parseAddress(address)!) as string, kind, address);
  }
});
