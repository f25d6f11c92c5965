/**
 * The table of docs/kernels.md: what each kernel gives, as a run of the tests under those kernels found it. A cell is
 * what a test answered, or `yes` where all tests of a suite passed; nobody writes it by hand.
 */

import { table } from './document-block.ts';

interface Row {
  readonly what: string;
  /** Beginnings of the titles of the tests that say so; absent: a test answers it (test/support/kernel-gives.ts). */
  readonly tests?: readonly string[];
  /** Where to look it up. */
  readonly by: string;
}

const rows: readonly Row[] = [
  {
    what: 'the programs load, with the verifier of that kernel',
    tests: ['native › ', 'test › packets › '],
    by: '`native/`, `test/packets`',
  },
  {
    what: 'frames are counted as they should, one by one',
    tests: ['test › packets › '],
    by: '`test/packets`, by `BPF_PROG_TEST_RUN`',
  },
  {
    what: 'nothing is lost while the table is read, grows and overflows',
    tests: ['native › exactness › '],
    by: '`native/exactness.test.ts`',
  },
  { what: '`source: tc` attaches by', by: '`native/sources.test.ts`' },
  {
    what: 'every source finds the same in the same frames',
    tests: ['native › sources › '],
    by: '`native/sources.test.ts`',
  },
  {
    what: 'each packet across a node is counted exactly once, by every source',
    tests: ['test › e2e › count-once › '],
    by: '`test/e2e/count-once.test.ts`',
  },
  {
    what: 'so are packets through VLAN, QinQ, bond, macvlan, gre, ipip, sit, wireguard and PPP',
    by: '`test/kernels/devices.test.ts`',
  },
  { what: 'so are packets through netkit', by: '`test/kernels/devices.test.ts`' },
  { what: 'so are packets of a tun', tests: ['test › e2e › tun › '], by: '`test/e2e/tun.test.ts`' },
  { what: '`source: socket_filter` needs', by: '`test/e2e/privileges.test.ts`' },
  {
    what: "a plain user's agent counts with the capabilities of its source",
    by: '`test/e2e/privileges.test.ts`',
  },
  {
    what: 'a packet costs at most 200 instructions over an empty program, at ingress and at egress',
    by: '`test/kernels/instructions.test.ts`',
  },
];

/** What was found out about one kernel. */
export interface Findings {
  /** Titles of tests, with their files, and whether they passed. */
  readonly results: Map<string, boolean>;
  /** What tests answered, by row. */
  readonly answers: Map<string, string>;
}

/** A column each kernel. Throws when a test answered what is no row. */
export function kernelTable(findings: ReadonlyMap<string, Findings>): string {
  for (const { answers } of findings.values()) {
    for (const answer of answers.keys()) {
      if (!rows.some(({ what }) => what === answer)) throw new Error(`scripts/kernel-table.ts has no row "${answer}"`);
    }
  }
  const heads = ['', ...[...findings.keys()].map((series) => `Linux ${series}`), 'how it is known'];
  return table(
    heads,
    rows.map((row) => [row.what, ...[...findings.values()].map((found) => cellOf(row, found)), row.by]),
  );
}

/** Empty: not tried. */
function cellOf({ what, tests }: Row, { results, answers }: Findings): string {
  if (tests === undefined) return answers.get(what) ?? '';
  const verdicts = [...results].filter(([title]) => tests.some((start) => title.startsWith(start)));
  if (verdicts.length === 0) return '';
  return verdicts.every(([, passed]) => passed) ? 'yes' : 'no';
}
