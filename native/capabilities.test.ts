import test from 'ava';
import { missingCapabilities } from './capabilities.ts';

const statusOf = (...bits: number[]) => {
  const mask = bits.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n);
  return `Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${mask.toString(16).padStart(16, '0')}\n`;
};

test('names the capabilities that are not effective', (t) => {
  t.deepEqual(missingCapabilities(statusOf()), ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON']);
  t.deepEqual(missingCapabilities(statusOf(12, 39)), ['CAP_PERFMON']);
  t.deepEqual(missingCapabilities(statusOf(12, 38, 39)), []);
});

test('CAP_SYS_ADMIN stands for all of them', (t) => {
  t.deepEqual(missingCapabilities(statusOf(21)), []);
});
