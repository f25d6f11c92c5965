/** The configuration of one component from a plain block, as loading a file would give it. */

import type { Component } from '../../core/component/define.ts';
import { decodeBlock } from '../../core/config/block.ts';
import { treeOf } from '../../core/config/tree.ts';

type ConfigOf<Definition> = Definition extends { create(config: infer Config, ...rest: never[]): unknown }
  ? Config
  : never;

/** The settings, for blocks that are right. */
export function configOf<Definition extends Component>(definition: Definition, block: object): ConfigOf<Definition> {
  const problems = problemsOf(definition, block);
  if (problems.length > 0) throw new Error(problems.join('\n'));
  return decodeBlock<ConfigOf<Definition>>(definition.config, treeOf(block, 'test')).config;
}

/** `path: message` of everything that is wrong with a block. */
export function problemsOf(definition: Component, block: object): readonly string[] {
  const { config, problems } = decodeBlock<unknown>(definition.config, treeOf(block, 'test'));
  const found = problems.length > 0 ? problems : (definition.validate?.(config) ?? []);
  return found.map(({ path = [], message }) => `${path.join('::')}: ${message}`);
}
