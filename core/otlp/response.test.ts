import test from 'ava';
import { encodeResponse, encodeStatus } from '../../test/support/otlp-protos.ts';
import { WeirError } from '../errors.ts';
import { decodeProto } from './decode.ts';
import { decodeExportResponse, decodeStatus } from './response.ts';

test('an empty response is full success', (t) => {
  t.deepEqual(decodeExportResponse(encodeResponse()), { rejectedPoints: 0, message: '' });
});

test('a partial success says how many points were rejected and why', (t) => {
  const response = encodeResponse({ rejectedDataPoints: 3_000_000_000, errorMessage: 'too old: größer' });
  t.deepEqual(decodeExportResponse(response), { rejectedPoints: 3_000_000_000, message: 'too old: größer' });
});

test('a status carries the delay that the server asks for', (t) => {
  t.deepEqual(decodeStatus(encodeStatus(8, 'slow down', 1250)), { code: 8, message: 'slow down', retryDelayMs: 1250 });
  t.deepEqual(decodeStatus(encodeStatus(8, 'slow down', 0)), { code: 8, message: 'slow down', retryDelayMs: 0 });
});

test('a status without RetryInfo asks for no retry', (t) => {
  t.deepEqual(decodeStatus(encodeStatus(3, 'bad')), { code: 3, message: 'bad' });
});

test('a response that ends too early is malformed', (t) => {
  const whole = encodeResponse({ rejectedDataPoints: 1, errorMessage: 'message' });
  for (let length = 1; length < whole.length; length++) {
    t.throws(() => decodeExportResponse(whole.subarray(0, length)), { instanceOf: WeirError, code: 'otlp/response' });
  }
  t.throws(() => decodeStatus(new Uint8Array(20).fill(0xff)), { instanceOf: WeirError, code: 'otlp/response' });
});

test('a request that ends too early has the code of requests, not that of answers', (t) => {
  t.throws(() => decodeProto(Uint8Array.of(0x0a, 5, 1)), { instanceOf: WeirError, code: 'otlp/malformed' });
});
