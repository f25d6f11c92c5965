/** What becomes of a whole, from what becomes of its parts. */

import type { Settlement } from '../component/define.ts';

const fromWorst: readonly Settlement[] = ['interrupted', 'given_up', 'delivered'];

/** Each part is settled once; when all are that were asked for, the whole is as the worst of them. */
export function settleTogether(onSettled: (settlement: Settlement) => void): () => (settlement: Settlement) => void {
  let open = 0;
  let worst: Settlement = 'delivered';
  return () => {
    open++;
    let settled = false;
    return (settlement) => {
      if (settled) return;
      settled = true;
      if (fromWorst.indexOf(settlement) < fromWorst.indexOf(worst)) worst = settlement;
      open--;
      if (open === 0) onSettled(worst);
    };
  };
}
