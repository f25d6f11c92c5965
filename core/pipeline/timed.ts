/** Components as they are, whose operations are timed: what a receiver hands over, a processor makes, an exporter sends. */

import type { Consumer, Exporter, Processor, Settlement } from '../component/define.ts';
import type { Operation } from '../telemetry/operations.ts';

const failureOf: Readonly<Record<Settlement, string | undefined>> = {
  delivered: undefined,
  given_up: 'points were given up; the log of this exporter says why',
  interrupted: 'stopped before it was known whether they arrived',
};

function timed<Made>(operation: Operation, work: () => Made): Made {
  const end = operation.begin();
  try {
    const made = work();
    end();
    return made;
  } catch (error) {
    end(error instanceof Error ? error.message : String(error));
    throw error;
  }
}

/** From the table that is handed over until it is in the queues of exporters. */
export const timedConsumer = (consumer: Consumer, operation: Operation): Consumer => ({
  ...consumer,
  consume: (table, onSettled) => timed(operation, () => consumer.consume(table, onSettled)),
  passOn: (tables, onSettled) => timed(operation, () => consumer.passOn(tables, onSettled)),
});

export function timedProcessor(processor: Processor, operation: Operation): Processor {
  const { flows, metrics, resourceMetrics } = processor;
  return {
    ...processor,
    ...(flows && { flows: (table) => timed(operation, () => flows.call(processor, table)) }),
    ...(metrics && { metrics: (tables) => timed(operation, () => metrics.call(processor, tables)) }),
    ...(resourceMetrics && {
      resourceMetrics: (table) => timed(operation, () => resourceMetrics.call(processor, table)),
    }),
  };
}

/** From the hand-over until it is known what became of the tables: with the time in the queue, and every attempt. */
export const timedExporter = (exporter: Exporter, operation: Operation): Exporter => ({
  hasRoom: () => exporter.hasRoom(),
  onRoom: (callback) => exporter.onRoom(callback),
  export(tables, onSettled) {
    const end = operation.begin();
    try {
      exporter.export(tables, (settlement) => {
        end(failureOf[settlement]);
        onSettled?.(settlement);
      });
    } catch (error) {
      end(error instanceof Error ? error.message : String(error));
      throw error;
    }
  },
});
