import test from 'ava';
import { ownerOf } from './owner.ts';

const createdMs = Date.parse('2026-11-23T05:00:00Z');
const scheduledMinutes = createdMs / 60_000 - 3;
const of = (kind: string, name: string, labels: Record<string, string> = {}) =>
  ownerOf('pod-1', [{ kind, name, controller: true }], labels, createdMs);

test('a ReplicaSet whose name ends in the hash of its pods belongs to a Deployment', (t) => {
  t.deepEqual(of('ReplicaSet', 'web-front-5d78c', { 'pod-template-hash': '5d78c' }), {
    kind: 'Deployment',
    name: 'web-front',
  });
  t.deepEqual(of('ReplicaSet', 'web-6f9', { 'rollouts-pod-template-hash': '6f9' }), { kind: 'Rollout', name: 'web' });
});

test('a ReplicaSet without the hash, or with another, owns its pods itself', (t) => {
  for (const labels of [{}, { 'pod-template-hash': 'other' }]) {
    t.deepEqual(of('ReplicaSet', 'web-front', labels), { kind: 'ReplicaSet', name: 'web-front' });
  }
  t.is(of('ReplicaSet', '-5d78c', { 'pod-template-hash': '5d78c' }).kind, 'ReplicaSet');
});

test('a Job named after a time near its pod belongs to a CronJob', (t) => {
  t.deepEqual(of('Job', `backup-db-${scheduledMinutes}`), { kind: 'CronJob', name: 'backup-db' });
  t.deepEqual(of('Job', `backup-${scheduledMinutes * 60}`), { kind: 'CronJob', name: 'backup' });
});

test('a Job with a dash, a date or a far time in its name stays a Job', (t) => {
  for (const name of [
    'import-20261123',
    'my-job',
    `old-${scheduledMinutes - 32 * 1440}`,
    `new-${scheduledMinutes + 1500}`,
  ]) {
    t.deepEqual(of('Job', name), { kind: 'Job', name });
  }
});

test('other owners stand for themselves, and a bare pod owns itself', (t) => {
  t.deepEqual(of('StatefulSet', 'db'), { kind: 'StatefulSet', name: 'db' });
  t.deepEqual(of('Node', 'node-a'), { kind: 'Node', name: 'node-a' });
  t.deepEqual(ownerOf('pod-1', [], {}, createdMs), { kind: 'Pod', name: 'pod-1' });
});

test('of several owners the controller counts', (t) => {
  const references = [
    { kind: 'Gadget', name: 'first' },
    { kind: 'DaemonSet', name: 'agent', controller: true as const },
  ];
  t.deepEqual(ownerOf('pod-1', references, {}, createdMs), { kind: 'DaemonSet', name: 'agent' });
});
