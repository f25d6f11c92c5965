#!/usr/bin/env node
/**
 * The program: turns on the compile cache and bounds short-lived memory before anything else is loaded, then hands over
 * to the command line.
 */

import { enableCompileCache } from 'node:module';

enableCompileCache();
(await import('./young-generation.ts')).keepYoungGenerationSmall();
const [{ callCommand }, { components }] = await Promise.all([import('./command-line.ts'), import('../components.ts')]);
// Whoever reads a stream may go away, as in `weir 2>&1 | head`: counting goes on, and without a reader there is nobody
// to tell. What was asked for on standard output and could not be written is told by the exit code.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
process.exitCode = await callCommand(process.argv.slice(2), {
  components,
  environment: process.env,
  print: (text) =>
    void process.stdout.write(text, (error) => {
      if (error) process.exitCode = 1;
    }),
  complain: (text) => void process.stderr.write(text),
});
