/** `weir convert` as a process, and `weir validate` as another one on what it printed. */

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { callCommand } from '../../cli/command-line.ts';
import { components } from '../../components.ts';
import { programOf } from './programs.ts';

const run = promisify(execFile);
const MAIN = programOf('cli/main.ts');

type Environment = Readonly<Record<string, string>>;
/** Only what the test sets is in the environment. */
type Call = (args: readonly string[], environment: Environment) => Promise<Output>;

interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function callProcess(args: readonly string[], environment: Environment): Promise<Output> {
  const env = { PATH: process.env.PATH ?? '', ...environment };
  return { code: 0, ...(await run(process.execPath, [MAIN, ...args], { env })) };
}

async function callHere(args: readonly string[], environment: Environment = {}): Promise<Output> {
  let stdout = '';
  let stderr = '';
  const code = await callCommand(args, {
    components,
    environment,
    print: (text) => {
      stdout += text;
    },
    complain: (text) => {
      stderr += text;
    },
  });
  return { code, stdout, stderr };
}

export function createConverter() {
  const folder = mkdtempSync(join(tmpdir(), 'weir-convert-'));
  let files = 0;
  /** A file with this text. */
  const written = (text: string) => {
    const path = join(folder, `beyla-${files++}.yml`);
    writeFileSync(path, text);
    return path;
  };
  /** Without a file: the environment alone. */
  async function convert(call: Call, yaml?: string, environment: Environment = {}) {
    const input = yaml === undefined ? undefined : written(yaml);
    const { stdout, stderr } = await call(['convert', ...(input === undefined ? [] : [input])], environment);
    const validated = await call(['validate', '--config', written(stdout)], {});
    return {
      config: parse(stdout),
      /** Lines of standard error. */
      notes: stderr
        .replaceAll(input ?? '-', 'beyla.yml')
        .trimEnd()
        .split('\n'),
      comments: stdout.split('\n').filter((line) => line.startsWith('# ')),
      /** Empty: it is valid. */
      validated: validated.stdout + validated.stderr,
    };
  }
  return {
    written,
    run: callHere,
    /** Converts and validates in this process. */
    convert: (yaml?: string, environment?: Environment) => convert(callHere, yaml, environment),
    /** By processes of their own. */
    convertByProcess: (yaml?: string, environment?: Environment) => convert(callProcess, yaml, environment),
    remove: () => rmSync(folder, { recursive: true }),
  };
}
