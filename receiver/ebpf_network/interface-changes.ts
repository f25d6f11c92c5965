/** From where programs hang to where they should: a pure function, applied by follow.ts. */

import type { HookDirection, NetworkInterface } from '../../native/index.ts';
import { type Attachment, type Hook, hooksOf } from './interfaces.ts';

export interface InterfaceChanges {
  /** Of interfaces that are gone, or are not to be counted on any more. */
  readonly detach: readonly Hook[];
  readonly attach: readonly Hook[];
  /** Interfaces that are counted on before and after, under another name. */
  readonly renamed: readonly { readonly before: NetworkInterface; readonly after: NetworkInterface }[];
}

const placeOf = (index: number, direction: HookDirection) => `${index} ${direction}`;

/**
 * `gone` are indexes of interfaces that went away since the last look: with them went what hung there, even where the
 * index is back.
 */
export function interfaceChanges(
  hanging: readonly Hook[],
  wanted: readonly Attachment[],
  gone: ReadonlySet<number>,
): InterfaceChanges {
  const wantedHooks = new Map(hooksOf(wanted).map((hook) => [placeOf(hook.iface.index, hook.direction), hook]));
  const detach: Hook[] = [];
  const kept = new Set<string>();
  const renamed = new Map<number, InterfaceChanges['renamed'][number]>();
  for (const hook of hanging) {
    const { index, name } = hook.iface;
    const place = placeOf(index, hook.direction);
    const after = wantedHooks.get(place);
    if (after === undefined || gone.has(index)) {
      detach.push(hook);
      continue;
    }
    kept.add(place);
    if (after.iface.name !== name) renamed.set(index, { before: hook.iface, after: after.iface });
  }
  const attach = [...wantedHooks].filter(([place]) => !kept.has(place)).map(([, hook]) => hook);
  return { detach, attach, renamed: [...renamed.values()] };
}
