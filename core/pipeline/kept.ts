/** Which processors go on when a configuration takes the place of another. */

import { isDeepStrictEqual } from 'node:util';
import type { ResolvedConfig } from '../config/types.ts';
import type { Graph, ProcessorNode } from './build.ts';

/** Those that stand in the same pipeline with the same configuration, whatever has changed around them. */
export function keptProcessors(graph: Graph, before: ResolvedConfig, after: ResolvedConfig): readonly ProcessorNode[] {
  return graph.processors.filter(({ id, pipeline }) => {
    const [old, now] = [before, after].map(({ processors }) => processors.find((one) => one.id === id));
    const stands = after.pipelines.some((one) => one.id === pipeline && one.processors.includes(id));
    return stands && old?.definition === now?.definition && isDeepStrictEqual(old?.config, now?.config);
  });
}
