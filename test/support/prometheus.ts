/** A real Prometheus server and its promtool, from the unpacked Debian package (scripts/setup.mjs). */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NetworkNamespace } from './network-namespace.ts';
import { until } from './until.ts';

const PROGRAMS = fileURLToPath(new URL('../../build/debian/prometheus/usr/bin/', import.meta.url));
export const PROMTOOL = join(PROGRAMS, 'promtool');

/** On the loopback of its namespace. */
const ADDRESS = '127.0.0.1:9090';

/** Seconds since the Unix epoch, and a value as text. */
type Sample = readonly [timeS: number, value: string];

export interface QueryResult {
  readonly metric: Readonly<Record<string, string>>;
  /** Of an instant vector. */
  readonly value?: Sample;
  /** Of a range vector. */
  readonly values?: readonly Sample[];
}

export interface Prometheus {
  /** An instant query, now or at a time in seconds. */
  query(expression: string, timeS?: number): readonly QueryResult[];
  /** The only value of a query that has one series; undefined while there is none. */
  valueOf(expression: string, timeS?: number): number | undefined;
  /** What it said of scrapes whose text it could not read or keep. */
  complaints(): readonly string[];
  stop(): Promise<void>;
}

/** Scrapes `/metrics` of targets, by job: `{text: ['127.0.0.1:8889']}`. */
export async function startPrometheus(
  namespace: NetworkNamespace,
  targets: Readonly<Record<string, readonly string[]>>,
  scrapeInterval: string,
): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-prometheus-'));
  const jobs = Object.entries(targets).map(
    ([job, addresses]) => `  - {job_name: ${job}, static_configs: [{targets: ${JSON.stringify(addresses)}}]}\n`,
  );
  const config = join(folder, 'prometheus.yml');
  const scraping = `{scrape_interval: ${scrapeInterval}, scrape_timeout: ${scrapeInterval}}`;
  writeFileSync(config, `global: ${scraping}\nscrape_configs:\n${jobs.join('')}`);
  const flags = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`, '--log.level=debug'];
  const server = namespace.spawn(join(PROGRAMS, 'prometheus'), [...flags, `--web.listen-address=${ADDRESS}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  server.stderr?.setEncoding('utf8').on('data', (part: string) => {
    said += part;
  });
  const closed = new Promise<void>((resolve) => server.once('close', () => resolve()));
  await until('Prometheus is ready', () => {
    if (server.exitCode !== null) throw new Error(`Prometheus ended:\n${said}`);
    return said.includes('Server is ready to receive web requests');
  });
  const query = (expression: string, timeS?: number) => {
    const parameters = new URLSearchParams({ query: expression });
    if (timeS !== undefined) parameters.set('time', String(timeS));
    const answer = JSON.parse(fetchInside(namespace, `http://${ADDRESS}/api/v1/query?${parameters}`));
    if (answer.status !== 'success') throw new Error(`${expression}: ${answer.error}`);
    return answer.data.result as readonly QueryResult[];
  };
  return {
    query,
    valueOf(expression, timeS) {
      const results = query(expression, timeS);
      if (results.length > 1) throw new Error(`${expression} has ${results.length} series`);
      return results[0]?.value === undefined ? undefined : Number(results[0].value[1]);
    },
    complaints: () => said.split('\n').filter((line) => /msg="(Append failed|Error on ingesting)/.test(line)),
    async stop() {
      server.kill('SIGKILL');
      await closed;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What promtool has to say against a text; empty when nothing. */
export function checkMetrics(text: string): string {
  try {
    return execFileSync(PROMTOOL, ['check', 'metrics'], { input: text, encoding: 'utf8', stdio: 'pipe' });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return `${stdout}${stderr}`;
  }
}

/** A namespace's loopback can be reached from inside alone. */
const fetchInside = (namespace: NetworkNamespace, url: string): string =>
  namespace.run(process.execPath, '-e', 'process.stdout.write(await (await fetch(process.argv[1])).text())', url);
