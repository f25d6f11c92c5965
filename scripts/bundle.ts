/**
 * Makes one file of each program that tests start, and for an emulated machine of each test too: to load two hundred small
 * ones takes the agent half a second, and such a machine half a minute. What they do is the same.
 *
 *   node scripts/bundle.ts    the programs, in `build/programs`: see test/support/programs.ts
 */

import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { bundleOf } from '../test/support/programs.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const PROGRAM_BUNDLES = join(root, 'build/programs');
export const EMULATED_BUNDLES = join(root, 'build/emulated');

/** What tests start by its path. */
const PROGRAMS = ['cli/main.ts', 'test/support/otlp-sink.ts', 'test/support/traffic-peer.ts'];

/** A module goes on to know where its source is. */
const places: Plugin = {
  name: 'places',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const place = JSON.stringify(pathToFileURL(path).href);
      return { contents: source.replaceAll('import.meta.url', place), loader: 'ts' };
    });
  },
};

/** Packages of CommonJS ask for the runtime's modules by `require`. */
const REQUIRE = `import { createRequire as createRequireHere } from 'node:module';
const require = createRequireHere(import.meta.url);`;

/** Each file is whole at any time: another run of the tests may be starting it. */
async function bundle(files: readonly string[], folder: string): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: files.map((file) => join(root, file)),
    outbase: root,
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: ['ava', '@kubernetes/client-node'],
    banner: { js: REQUIRE },
    plugins: [places],
    logLevel: 'warning',
    write: false,
  });
  for (const { path, contents } of outputFiles) {
    const part = `${path}.${process.pid}`;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(part, contents);
    renameSync(part, path);
  }
}

/** Takes paths of test files below the root. Leaves in EMULATED_BUNDLES what ava needs to find them there. */
export async function bundleForEmulation(tests: ReadonlySet<string>): Promise<void> {
  rmSync(EMULATED_BUNDLES, { recursive: true, force: true });
  await bundle([...PROGRAMS, ...tests], EMULATED_BUNDLES);
  // V8's threads have crashed in an emulated machine: each file has a process of its own.
  const ava = { files: [...tests].map(bundleOf), workerThreads: false };
  writeFileSync(join(EMULATED_BUNDLES, 'package.json'), JSON.stringify({ private: true, type: 'module', ava }));
}

if (import.meta.main) await bundle(PROGRAMS, PROGRAM_BUNDLES);
