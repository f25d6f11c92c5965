/** For tests of OTLP exporters: starts one, with a clock of the test and retries one second apart. */

import type { ExporterComponent } from '../../core/component/define.ts';
import { configOf } from './component-config.ts';
import { createManualClock } from './manual-clock.ts';
import { createRecordingHost } from './recording-host.ts';

const steady = { initial_interval: '1s', randomization_factor: 0, multiplier: 1 };

export const starterOf =
  <Config>(definition: ExporterComponent<Config>) =>
  async (block: object) => {
    const clock = createManualClock();
    const host = createRecordingHost(definition.type, clock);
    const exporter = definition.create(configOf(definition, { retry_on_failure: steady, ...block }), host);
    await exporter.start?.();
    return { clock, host, exporter };
  };

export type StartExporter = ReturnType<typeof starterOf>;
