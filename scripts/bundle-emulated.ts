/**
 * Makes one file of each program and test that runs in an emulated machine, in `build/emulated`: to load two hundred small
 * ones takes such a machine half a minute, and a run starts some thirty programs. What they do is the same.
 */

import { rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
export const BUNDLES = join(root, 'build/emulated');

/** What tests start by its path. */
const PROGRAMS = ['cli/main.ts', 'test/support/otlp-sink.ts', 'test/support/traffic-peer.ts'];

const REFERENCE = /new URL\('([^']+)', import\.meta\.url\)/g;

/** Below BUNDLES. */
export const bundleOf = (file: string) => file.replace(/\.ts$/, '.mjs');

/** A module goes on to know where its source is; another program that it names by its place is the bundle of that. */
const places: Plugin = {
  name: 'places',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source
        .replaceAll(REFERENCE, (reference, name: string) => {
          const program = relative(root, join(dirname(path), name));
          return PROGRAMS.includes(program) ? `new URL(${literal(join(BUNDLES, bundleOf(program)))})` : reference;
        })
        .replaceAll('import.meta.url', literal(path));
      return { contents, loader: 'ts' };
    });
  },
};

const literal = (path: string) => JSON.stringify(pathToFileURL(path).href);

/** Packages of CommonJS ask for the runtime's modules by `require`. */
const REQUIRE = `import { createRequire as createRequireHere } from 'node:module';
const require = createRequireHere(import.meta.url);`;

/** Takes paths of test files below the root. Leaves in BUNDLES what ava needs to find them there. */
export async function bundleForEmulation(tests: ReadonlySet<string>): Promise<void> {
  rmSync(BUNDLES, { recursive: true, force: true });
  await build({
    entryPoints: [...PROGRAMS, ...tests].map((file) => join(root, file)),
    outbase: root,
    outdir: BUNDLES,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    external: ['ava', '@kubernetes/client-node'],
    banner: { js: REQUIRE },
    plugins: [places],
    logLevel: 'warning',
  });
  // V8's threads have crashed in an emulated machine: each file has a process of its own.
  const ava = { files: [...tests].map(bundleOf), workerThreads: false };
  writeFileSync(join(BUNDLES, 'package.json'), JSON.stringify({ private: true, type: 'module', ava }));
}
