/**
 * Sends one OTLP request, as an application would: `node test/support/otlp-sender.ts --grpc HOST:PORT | --http URL --body
 * FILE [--json]` prints what it was answered.
 */

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { call, post } from './otlp-receiver.ts';

const { values } = parseArgs({
  options: { grpc: { type: 'string' }, http: { type: 'string' }, body: { type: 'string' }, json: { type: 'boolean' } },
});
const { grpc, http, body: file, json = false } = values;
if (file === undefined) throw new Error('--body FILE is missing');
const body = readFileSync(file);

if (grpc !== undefined) {
  process.stdout.write(JSON.stringify(await call(grpc, body)));
} else if (http !== undefined) {
  const response = await post(http, json ? body.toString() : body);
  const text = json ? await response.text() : '';
  process.stdout.write(JSON.stringify({ status: response.status, text }));
} else {
  throw new Error('--grpc or --http is missing');
}
