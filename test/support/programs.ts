/**
 * Where the programs are that tests start as processes or threads of their own: one file each that scripts/bundle.ts made
 * just before, in the folder WEIR_TEST_PROGRAMS, or else their sources.
 */

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bundles = process.env.WEIR_TEST_PROGRAMS;

/** Of a source, below the folder of its bundle. */
export const bundleOf = (source: string) => source.replace(/\.ts$/, '.mjs');

/** Takes the path of the source below the root. */
export const programOf = (source: string) =>
  bundles === undefined ? join(root, source) : join(bundles, bundleOf(source));
