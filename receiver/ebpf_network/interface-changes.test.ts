import test from 'ava';
import type { HookDirection, NetworkInterface } from '../../native/index.ts';
import { interfaceChanges } from './interface-changes.ts';
import { type Attachment, type Hook, hooksOf } from './interfaces.ts';

const device = (index: number, name: string): NetworkInterface => ({
  ...{ index, name, kind: 'veth', master: 0, lower: 0, loopback: false, up: false, linkType: 1, pointToPoint: false },
});
const both = (index: number, name: string): Attachment => ({
  iface: device(index, name),
  directions: ['ingress', 'egress'],
  frameStart: 'ethernet',
});
const one = (index: number, name: string, direction: HookDirection): Attachment => ({
  iface: device(index, name),
  directions: [direction],
  frameStart: 'ethernet',
});

const show = (hooks: readonly Hook[]) => hooks.map(({ iface, direction }) => `${iface.name} ${direction}`).join(', ');

/** `- detached + attached ~ renamed` */
function changes(hanging: readonly Attachment[], wanted: readonly Attachment[], gone: readonly number[] = []): string {
  const { detach, attach, renamed } = interfaceChanges(hooksOf(hanging), wanted, new Set(gone));
  const names = renamed.map(({ before, after }) => `${before.name}>${after.name}`).join(', ');
  return `- ${show(detach)} + ${show(attach)} ~ ${names}`;
}

const eth0 = both(2, 'eth0');
const cases: [string, string, string][] = [
  ['nothing changes', changes([eth0], [eth0]), '-  +  ~ '],
  ['the first ones are attached', changes([], [eth0]), '-  + eth0 ingress, eth0 egress ~ '],
  ['one comes', changes([eth0], [eth0, both(7, 'veth7')]), '-  + veth7 ingress, veth7 egress ~ '],
  ['one goes', changes([eth0, both(7, 'veth7')], [eth0]), '- veth7 ingress, veth7 egress +  ~ '],
  ['a new name is no reason to detach', changes([both(7, 'veth7')], [both(7, 'cali7')]), '-  +  ~ veth7>cali7'],
  [
    'one that went away and came back is attached again',
    changes([eth0, both(7, 'veth7')], [eth0, both(7, 'veth7')], [7]),
    '- veth7 ingress, veth7 egress + veth7 ingress, veth7 egress ~ ',
  ],
  [
    'another one with the index of one that is gone is not a new name',
    changes([both(7, 'veth7')], [both(7, 'veth8')], [7]),
    '- veth7 ingress, veth7 egress + veth8 ingress, veth8 egress ~ ',
  ],
  ['an index that went away and is not counted on does not matter', changes([eth0], [eth0], [9]), '-  +  ~ '],
  [
    'a direction that failed is tried again',
    changes([one(7, 'veth7', 'ingress')], [both(7, 'veth7')]),
    '-  + veth7 egress ~ ',
  ],
  [
    'a name that passes to another index is both',
    changes([both(7, 'veth7')], [both(8, 'veth7')]),
    '- veth7 ingress, veth7 egress + veth7 ingress, veth7 egress ~ ',
  ],
];

for (const [title, actual, expected] of cases) test(title, (t) => t.is(actual, expected));
