#!/usr/bin/env node
/** The program: turns on the compile cache before anything else is loaded, then hands over to the command line. */

import { enableCompileCache } from 'node:module';

enableCompileCache();
const [{ callCommand }, { components }] = await Promise.all([import('./command-line.ts'), import('../components.ts')]);
process.exitCode = await callCommand(process.argv.slice(2), {
  components,
  environment: process.env,
  print: (text) => void process.stdout.write(text),
  complain: (text) => void process.stderr.write(text),
});
