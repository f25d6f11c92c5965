/** The order in which the components of a graph start and stop. */

import type { Graph, Node, ProcessorNode } from './build.ts';
import { inContext } from './failure.ts';

interface Stoppable {
  start?(): Promise<void>;
  stop?(): Promise<void>;
}

/** Extensions first, then exporters to receivers; `running` names the processors that have started before. */
export async function startGraph(graph: Graph, running: readonly ProcessorNode[]): Promise<void> {
  const { extensions, exporters, processors, releasers, receivers } = graph;
  const each = async (nodes: readonly Node<Stoppable>[], doing = 'cannot start pipelines: failed to start') => {
    for (const node of nodes) {
      try {
        await node.instance.start?.();
      } catch (error) {
        throw inContext(error, doing, node);
      }
    }
  };
  await each(extensions, 'failed to start extensions: failed to start');
  await each([...exporters, ...processors.filter((node) => !running.includes(node)).toReversed()]);
  for (const releaser of releasers) releaser.start();
  await each(receivers);
}

/** Stops all but the processors that are kept, also what has not started; one failure does not keep others from stopping. */
export async function stopGraph(graph: Graph, kept: readonly ProcessorNode[]): Promise<Error[]> {
  const { receivers, releasers, processors, exporters, extensions } = graph;
  const leaving = processors.filter((node) => !kept.includes(node));
  const failures: Error[] = [];
  const each = async <Instance>(
    nodes: readonly Node<Instance>[],
    end: (instance: Instance) => Promise<void> | undefined,
    doing = 'failed to shutdown pipelines: failed to stop',
  ) => {
    for (const node of nodes) {
      try {
        await end(node.instance);
      } catch (error) {
        failures.push(inContext(error, doing, node));
      }
    }
  };
  await each<Stoppable>(receivers, (instance) => instance.stop?.());
  for (const releaser of releasers) await releaser.stop();
  await each<Stoppable>([...leaving, ...exporters], (instance) => instance.stop?.());
  await each(receivers, (receiver) => receiver.finish?.());
  const stop = (instance: Stoppable) => instance.stop?.();
  await each(extensions.toReversed(), stop, 'failed to shutdown extensions: failed to stop');
  for (const { metrics } of [...receivers, ...leaving, ...exporters, ...extensions]) metrics.close();
  return failures;
}
