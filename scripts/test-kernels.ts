/**
 * Boots kernels of Debian, runs in each what the table below says, prints the results as TAP lines that begin with the
 * kernel's series, and holds the table of docs/kernels.md against them. `npm run test:kernels` runs it; `-- 6.1` that
 * kernel alone, `-- --write` writes the table.
 */

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { bundleOf } from '../test/support/programs.ts';
import { bundleForEmulation, EMULATED_BUNDLES } from './bundle.ts';
import { withBlock } from './document-block.ts';
import { type Findings, kernelTable } from './kernel-table.ts';

interface Boot {
  /** As scripts/fetch-kernel.sh takes it. */
  readonly series: string;
  /** Test files; those in test/kernels hold on some kernels only. */
  readonly tests: readonly string[];
  /** Its clock counts instructions: see scripts/kernel-vm.sh. */
  readonly countsInstructions?: boolean;
}

/** A suite that a kernel can run is one line here, and a row in scripts/kernel-table.ts. The longest boot is first. */
const boots: readonly Boot[] = [
  {
    series: '6.1',
    tests: [
      'native/exactness.test.ts',
      'native/sources.test.ts',
      'native/true-ends.test.ts',
      'test/packets/malformed.test.ts',
      'test/e2e/count-once.test.ts',
      'test/e2e/tun.test.ts',
      'test/e2e/privileges.test.ts',
      'test/kernels/devices.test.ts',
    ],
  },
  {
    series: '6.12',
    tests: [
      'native/exactness.test.ts',
      'native/sources.test.ts',
      'test/packets/parse.test.ts',
      'test/e2e/count-once.test.ts',
      'test/e2e/tun.test.ts',
      'test/e2e/privileges.test.ts',
      'test/kernels/devices.test.ts',
    ],
  },
  { series: '6.12', tests: ['test/kernels/instructions.test.ts'], countsInstructions: true },
];

/** Emulated machines at a time: each has a stretch where only one of its CPUs works. */
const MACHINES = 2;
/** Of the emulated machine; each takes a test file. */
const CPUS = 2;
/** Of one boot: some three times what it takes on an idle machine. */
const LIMIT_S = 1500;
/** Status of scripts/kernel-vm.sh when the emulator or its kernel ended before the command did. */
const BROKEN_DOWN = 125;
/**
 * A machine that broke down has said nothing about the tests; one that does so again and again is a failure. Now and then
 * an emulated processor runs into an instruction that another one is patching, and the kernel panics.
 */
const MAX_BOOTS = 3;
/** Of a test that says nothing: an emulated processor is some twenty times slower. */
const TEST_TIMEOUT = '5m';
const TAP_RESULT = /^(ok|not ok)(?: \d+)? - (.*)$/;
/** As test/support/kernel-gives.ts writes it. */
const ANSWER = /^# +kernel gives: (.*) -> (.*)$/;
const NOT_FETCHED = 'its kernel could not be fetched with apt-get';
const DOCUMENT = 'docs/kernels.md';
const WRITER = 'npm run test:kernels -- --write';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Its own, since code that was compiled for one processor does not do for another. It halves the time. */
const COMPILE_CACHE = join(root, 'build/compile-cache-emulated');
const AVA = join(root, 'node_modules/ava/entrypoints/cli.js');
const script = (name: string) => join(root, 'scripts', name);

/** For bash in the emulated machine. */
function commandOf({ tests }: Boot): string {
  const options = `--tap --concurrency=${CPUS} --timeout=${TEST_TIMEOUT}`;
  return [
    `export CI=true WEIR_TEST_EMULATED=1 NODE_COMPILE_CACHE=/kept WEIR_TEST_PROGRAMS=${quoted(EMULATED_BUNDLES)}`,
    // The first namespace makes /run/netns a mount, and two that are first at once hide each other.
    'ip netns add first && ip netns delete first',
    `cd ${quoted(EMULATED_BUNDLES)}`,
    `${quoted(process.execPath)} ${quoted(AVA)} ${options} ${tests.map(bundleOf).map(quoted).join(' ')}`,
  ].join('\n');
}

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** What went wrong is on standard error; a machine that cannot fetch has tested nothing. */
function kernelFolder(series: string): string | undefined {
  const fetched = spawnSync('bash', [script('fetch-kernel.sh'), series], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return fetched.status === 0 ? fetched.stdout.trimEnd() : undefined;
}

/** Prints the results as they come, and notes them. */
async function run(boot: Boot, findings: Findings, boots = MAX_BOOTS): Promise<void> {
  const { series, countsInstructions = false } = boot;
  const folder = kernelFolder(series);
  if (folder === undefined) {
    findings.results.set(NOT_FETCHED, false);
    console.log(`not ok - [${series}] ${NOT_FETCHED}`);
    return;
  }
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
  const own = new Map<string, boolean>();
  for await (const line of createInterface({ input: machine.stdout })) {
    const [, what, answer] = ANSWER.exec(line) ?? [];
    if (what !== undefined && answer !== undefined) findings.answers.set(what, answer);
    const [, verdict, title] = TAP_RESULT.exec(line) ?? [];
    if (verdict === undefined || title === undefined) {
      console.log(`# [${series}] ${line}`);
      continue;
    }
    own.set(title, verdict === 'ok');
    console.log(`${verdict} - [${series}] ${title}`);
  }
  const [status] = await ended;
  if (status === BROKEN_DOWN && boots > 1 && ![...own.values()].includes(false)) {
    console.log(`# [${series}] the machine broke down and is booted once more`);
    await run(boot, findings, boots - 1);
    return;
  }
  // A run that ended badly, or said nothing, without naming a failed test is a failure of its own.
  if (![...own.values()].includes(false) && (status !== 0 || own.size === 0)) {
    const title = `the run in the emulated machine ended with status ${status}`;
    own.set(title, false);
    console.log(`not ok - [${series}] ${title}`);
  }
  for (const [title, passed] of own) findings.results.set(title, passed);
}

/** Whether the table in the document is what the run found; `write` makes it so. */
function documentHolds(findings: ReadonlyMap<string, Findings>, write: boolean): boolean {
  const path = join(root, DOCUMENT);
  const document = readFileSync(path, 'utf8');
  const fresh = withBlock(document, { path: DOCUMENT, name: 'kernels', text: kernelTable(findings) }, WRITER);
  if (write) writeFileSync(path, fresh);
  if (write || fresh === document) return true;
  const before = new Set(document.split('\n'));
  for (const line of fresh.split('\n')) if (!before.has(line)) console.log(`# found: ${line}`);
  return false;
}

async function main(): Promise<void> {
  if (process.arch !== 'x64')
    throw new Error('the emulated machines share the programs of this one: it must be x86_64');
  const { values, positionals: wanted } = parseArgs({
    options: { write: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const chosen = boots.filter(({ series }) => wanted.length === 0 || wanted.includes(series));
  await bundleForEmulation(new Set(boots.flatMap(({ tests }) => tests)));
  mkdirSync(COMPILE_CACHE, { recursive: true });
  const startMs = performance.now();
  const findings = new Map<string, Findings>();
  for (const { series } of chosen) findings.set(series, { results: new Map(), answers: new Map() });
  const waiting = [...chosen];
  const workThrough = async () => {
    for (let boot = waiting.shift(); boot !== undefined; boot = waiting.shift()) {
      await run(boot, findings.get(boot.series)!);
    }
  };
  await Promise.all(Array.from({ length: MACHINES }, workThrough));

  const verdicts = [...findings.values()].flatMap(({ results }) => [...results.values()]);
  // The table needs every column.
  if (wanted.length === 0) {
    verdicts.push(documentHolds(findings, values.write));
    console.log(
      `${verdicts.at(-1) ? 'ok' : 'not ok'} - ${DOCUMENT} says what this run found (\`${WRITER}\` writes it)`,
    );
  }
  const passed = verdicts.filter((verdict) => verdict).length;
  const tookS = Math.round((performance.now() - startMs) / 1000);
  console.log(`# kernels: ${passed} passed, ${verdicts.length - passed} failed, ${tookS} s`);
  process.exitCode = passed === 0 || passed < verdicts.length ? 1 : 0;
}

await main();
