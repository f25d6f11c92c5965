import test from 'ava';
import { missingCapabilities, neededByOption, neededCapabilities } from './capabilities.ts';

const statusOf = (...bits: number[]) => {
  const mask = bits.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);
  return `Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${mask.toString(16).padStart(16, '0')}\n`;
};

test('names the capabilities that are not effective', (t) => {
  t.deepEqual(missingCapabilities(neededCapabilities.tc, statusOf()), ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON']);
  t.deepEqual(missingCapabilities(neededCapabilities.tc, statusOf(12, 39)), ['CAP_PERFMON']);
  t.deepEqual(missingCapabilities(neededCapabilities.tc, statusOf(12, 38, 39)), []);
});

test('a packet socket needs fewer, and one of its own', (t) => {
  t.deepEqual(missingCapabilities(neededCapabilities.socket_filter, statusOf()), ['CAP_BPF', 'CAP_NET_RAW']);
  t.deepEqual(missingCapabilities(neededCapabilities.socket_filter, statusOf(13, 39)), []);
});

test('CAP_SYS_ADMIN stands for all of them but CAP_NET_RAW', (t) => {
  t.deepEqual(missingCapabilities(neededCapabilities.socket_filter, statusOf(21)), ['CAP_NET_RAW']);
  t.deepEqual(missingCapabilities(neededCapabilities.tc, statusOf(21)), []);
});

test('other namespaces want CAP_SYS_ADMIN itself', (t) => {
  t.deepEqual(missingCapabilities(neededByOption['netns: all'], statusOf(12, 13, 38, 39)), ['CAP_SYS_ADMIN']);
  t.deepEqual(missingCapabilities(neededByOption['netns: all'], statusOf(21)), []);
});
