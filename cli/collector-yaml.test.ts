import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { components } from '../components.ts';
import { callCommand } from './command-line.ts';

const path = join(import.meta.dirname, '..', 'collector.yaml');

async function problemsOf(uri: string, ...args: readonly string[]): Promise<string> {
  let problems = '';
  const complain = (text: string) => {
    problems += text;
  };
  await callCommand(['validate', '--config', uri, ...args], { components, environment: {}, print: complain, complain });
  return problems;
}

test('the shipped configuration is valid', async (t) => {
  t.is(await problemsOf(path), '');
});

test('the shipped configuration is valid with its commented exporter switched on', async (t) => {
  const yaml = readFileSync(path, 'utf8').replace(/^ {2}# (otlp_grpc:| {2}endpoint:.*| {2}tls:.*)$/gm, '  $1');
  t.true(yaml.includes('\n  otlp_grpc:\n    endpoint: '));
  t.is(await problemsOf(`yaml:${yaml}`, '--set', 'service.pipelines.metrics.exporters=[debug, otlp_grpc]'), '');
});
