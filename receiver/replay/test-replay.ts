/** For tests: plays a file into a consumer that keeps what it is given, with a clock that the test moves. */

import type { Consumer, Host } from '../../core/component/define.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import type { ReplayConfig } from './config.ts';
import { createReplay } from './index.ts';

export interface Room {
  /** Windows that are taken before there is no room. */
  left: number;
  /** Called by the test when there is room again. */
  wake(): void;
}

/** Everything at full speed with the times of the recording, unless the test says otherwise. */
export function replayConfig(path: string, overrides: Partial<ReplayConfig> = {}): ReplayConfig {
  return { path, speed: Infinity, loop: false, times: 'recorded', metric_names: ['beyla'], features: [], ...overrides };
}

export function startReplay(host: Host, config: ReplayConfig, onTable: (table: FlowTable) => void = () => undefined) {
  const tables: FlowTable[] = [];
  const room: Room = { left: Infinity, wake: () => undefined };
  const consumer: Consumer = {
    hasRoom: () => room.left > 0,
    waitForRoom: (signal) =>
      new Promise((resolve) => {
        room.wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      }),
    release: () => undefined,
    passOn: () => undefined,
    consume(table) {
      room.left--;
      tables.push(table);
      onTable(table);
      return undefined;
    },
  };
  const receiver = createReplay(config, host, consumer);
  return { receiver, tables, room };
}
