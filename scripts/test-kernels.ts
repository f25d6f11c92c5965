/**
 * Boots kernels of Debian one after the other, runs in each what the table below says, and prints the results as TAP
 * lines that begin with the kernel's series. `npm run test:kernels` runs it.
 */

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

interface Boot {
  /** As scripts/fetch-kernel.sh takes it. */
  readonly series: string;
  /** Test files that hold on any machine. */
  readonly tests?: readonly string[];
  /** Those of test/kernels, which hold on some kernels only. */
  readonly own: readonly string[];
  /** Its clock counts instructions: see scripts/kernel-vm.sh. */
  readonly countsInstructions?: boolean;
}

/** A suite that a kernel can run is one line here. */
const boots: readonly Boot[] = [
  {
    series: '6.12',
    tests: ['native/*.test.ts', 'test/packets/*.test.ts', 'test/e2e/flows.test.ts', 'test/e2e/lifecycle.test.ts'],
    own: ['devices.test.ts'],
  },
  { series: '6.12', own: ['instructions.test.ts'], countsInstructions: true },
  {
    series: '6.1',
    tests: [
      'native/capabilities.test.ts',
      'native/exactness.test.ts',
      'native/interfaces.test.ts',
      'native/true-ends.test.ts',
      'test/packets/*.test.ts',
    ],
    own: ['without-tcx.test.ts'],
  },
];

/** Of the emulated machine; each takes a test file. */
const CPUS = 2;
/** Of one boot: several times what it takes on an idle machine. */
const LIMIT_S = 900;
/** Of a test that says nothing: an emulated processor is some twenty times slower. */
const TEST_TIMEOUT = '4m';
const TAP_RESULT = /^(ok|not ok)(?: \d+)? - (.*)$/;

const root = fileURLToPath(new URL('..', import.meta.url));
/** Its own, since code that was compiled for one processor does not do for another. It halves the time. */
const COMPILE_CACHE = join(root, 'build/compile-cache-emulated');
const AVA = join(root, 'node_modules/ava/entrypoints/cli.js');
const script = (name: string) => join(root, 'scripts', name);

/** For bash in the emulated machine: every call is made, the status is that of the last one that failed. */
function commandOf({ tests = [], own }: Boot): string {
  const calls = [avaCall(root, tests), avaCall(join(root, 'test/kernels'), own)].filter((call) => call !== undefined);
  return [
    `export CI=true WEIR_TEST_EMULATED=1 NODE_COMPILE_CACHE=/kept`,
    'status=0',
    ...calls.map((call) => `${call} || status=$?`),
    'exit $status',
  ].join('\n');
}

/** The folder tells ava which configuration to use. */
function avaCall(folder: string, files: readonly string[]): string | undefined {
  if (files.length === 0) return undefined;
  const options = `--tap --concurrency=${CPUS} --timeout=${TEST_TIMEOUT}`;
  return `(cd ${quoted(folder)} && ${quoted(process.execPath)} ${quoted(AVA)} ${options} ${files.map(quoted).join(' ')})`;
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** Prints the results as they come, and counts them. */
async function run(boot: Boot): Promise<{ passed: number; failed: number }> {
  const { series, countsInstructions = false } = boot;
  const folder = execFileSync('bash', [script('fetch-kernel.sh'), series], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trimEnd();
  const machine = spawn('bash', [script('kernel-vm.sh'), folder, commandOf(boot)], {
    env: {
      ...process.env,
      LIMIT_S: String(LIMIT_S),
      KEEP: COMPILE_CACHE,
      ...(countsInstructions ? { ICOUNT: '1' } : {}),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(machine, 'close') as Promise<[number | null]>;
  const results = { passed: 0, failed: 0 };
  for await (const line of createInterface({ input: machine.stdout })) {
    const [, verdict, title] = TAP_RESULT.exec(line) ?? [];
    if (verdict === undefined) {
      console.log(line);
      continue;
    }
    results[verdict === 'ok' ? 'passed' : 'failed'] += 1;
    console.log(`${verdict} - [${series}] ${title}`);
  }
  const [status] = await ended;
  // A run that ended badly, or said nothing, without naming a failed test is a failure of its own.
  if (results.failed === 0 && (status !== 0 || results.passed === 0)) {
    results.failed += 1;
    console.log(`not ok - [${series}] the run in the emulated machine ended with status ${status}`);
  }
  return results;
}

async function main(): Promise<void> {
  if (process.arch !== 'x64')
    throw new Error('the emulated machines share the programs of this one: it must be x86_64');
  const wanted = process.argv.slice(2);
  const chosen = boots.filter(({ series }) => wanted.length === 0 || wanted.includes(series));
  mkdirSync(COMPILE_CACHE, { recursive: true });
  const startMs = performance.now();
  let [passed, failed] = [0, 0];
  for (const boot of chosen) {
    const results = await run(boot);
    passed += results.passed;
    failed += results.failed;
  }
  const tookS = Math.round((performance.now() - startMs) / 1000);
  console.log(`# kernels: ${passed} passed, ${failed} failed, ${tookS} s`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

await main();
