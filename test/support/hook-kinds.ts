/** Which hooks this kernel lets programs hang on: asked of the kernel by the addon's own probe, not read off its version. */

import { type HookKind, openKernelTable } from '../../native/index.ts';

async function probe(): Promise<readonly HookKind[]> {
  const table = await openKernelTable({ maxFlows: 1024 });
  const { hookKind } = table;
  await table.close();
  return hookKind === 'tcx' ? ['tcx', 'tc', 'socket_filter'] : ['tc', 'socket_filter'];
}

export const hookKinds = await probe();
