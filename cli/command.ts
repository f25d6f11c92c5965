/** What a sub-command is and what it is called with. */

import type { Component } from '../core/component/define.ts';
import { loadConfig } from '../core/config/load.ts';
import type { ResolvedConfig } from '../core/config/types.ts';
import packageFile from '../package.json' with { type: 'json' };

/** Outside world of one call, replaced in tests. */
export interface Surroundings {
  readonly components: readonly Component[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Standard output: only what was asked for. */
  readonly print: (text: string) => void;
  /** Standard error: problems. */
  readonly complain: (text: string) => void;
}

export interface Call extends Surroundings {
  /** `--config`, in order. */
  readonly configs: readonly string[];
  /** `--set`, in order. */
  readonly sets: readonly string[];
  /** What was given for the command's own options, by name. */
  readonly options: Readonly<Record<string, string | undefined>>;
  /** What stands on the command line without dashes, in order. */
  readonly operands: readonly string[];
}

export interface Command {
  /** One line for `--help`. */
  readonly summary: string;
  readonly takesConfig: boolean;
  /** Options of its own, each with a value: `estimate: {value: 'TIME', help: '...'}`. */
  readonly options?: Readonly<Record<string, { readonly value: string; readonly help: string }>>;
  /** What it takes without dashes; absent: nothing. */
  readonly operands?: { readonly value: string; readonly help: string };
  /** Resolves when the command is done; rejects with what went wrong. */
  run(call: Call): Promise<void>;
}

export const build = {
  command: packageFile.name,
  version: packageFile.version,
  description: packageFile.description,
} as const;

/** The configuration of a call; without `--config` the file that WEIR_DEFAULT_CONFIG names, as `npm start` sets it. */
export function configOf({ configs, sets, environment, components }: Call): ResolvedConfig {
  const fallback = environment.WEIR_DEFAULT_CONFIG;
  const uris = configs.length === 0 && fallback !== undefined ? [fallback] : configs;
  return loadConfig({ uris, sets, environment }, components);
}
