/** When a recorded window is handed over, and which times it then has. */

import type { TimeWindow } from '../../core/table/resource.ts';
import type { ReplayConfig } from './config.ts';

export interface Timing {
  /** Milliseconds after the start of the replay at which the window is due; 0 at full speed. */
  dueMs(window: TimeWindow): number;
  /** The window as it leaves at that time; windows of several senders that are the same stay the same. */
  shifted(window: TimeWindow, nowNs: bigint): TimeWindow;
  /** The file begins anew: its windows come behind those of this round. */
  nextRound(): void;
}

/** `startNs`: when the replay began, Unix time. */
export function createTiming({ speed, times }: Pick<ReplayConfig, 'speed' | 'times'>, startNs: bigint): Timing {
  let firstNs: bigint | undefined;
  /** The latest end in the recording, and what all rounds before came to. */
  let lastNs = 0n;
  let roundsNs = 0n;
  let lastSeen: TimeWindow | undefined;
  let lastMade: TimeWindow | undefined;

  /** From the first moment of the recording, over all rounds. */
  const sinceFirst = (timeNs: bigint) => timeNs - firstNs! + roundsNs;
  const atSpeed = (ns: bigint) => (speed === 1 ? ns : BigInt(Math.round(Number(ns) / speed)));

  function make({ startNs: from, endNs: to }: TimeWindow, nowNs: bigint): TimeWindow {
    if (times === 'recorded') return { startNs: from + roundsNs, endNs: to + roundsNs };
    if (speed !== Infinity) {
      return { startNs: startNs + atSpeed(sinceFirst(from)), endNs: startNs + atSpeed(sinceFirst(to)) };
    }
    // At full speed a recorded second is no time at all: windows join where they are handed over.
    const joinNs = lastMade?.endNs ?? startNs;
    return { startNs: joinNs, endNs: nowNs > joinNs ? nowNs : joinNs + 1n };
  }

  function see({ startNs: from, endNs: to }: TimeWindow): void {
    firstNs ??= from;
    if (to > lastNs) lastNs = to;
  }

  return {
    dueMs(window) {
      see(window);
      return speed === Infinity ? 0 : Number(sinceFirst(window.endNs)) / 1e6 / speed;
    },
    shifted(window, nowNs) {
      see(window);
      const same = lastSeen?.startNs === window.startNs && lastSeen.endNs === window.endNs;
      if (!same || lastMade === undefined) lastMade = make(window, nowNs);
      lastSeen = window;
      return lastMade;
    },
    nextRound() {
      if (firstNs === undefined) return;
      roundsNs += lastNs - firstNs;
      lastSeen = undefined;
    },
  };
}
