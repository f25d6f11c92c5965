/**
 * What a server answers: ExportMetricsServiceResponse, and google.rpc.Status with its RetryInfo, read and written as
 * protobuf. Readers throw a WeirError when a message is malformed.
 */

import { type ProtoField, protoFields } from './proto-reader.ts';
import { messageField, stringField, varintLength, writeVarint } from './proto-writer.ts';

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo';

export interface ExportResponse {
  /** Points that the server took the request without; 0 with a message is a warning. */
  readonly rejectedPoints: number;
  readonly message: string;
}

export interface RpcStatus {
  readonly code: number;
  readonly message: string;
  /** From RetryInfo; absent: the server did not ask for a retry. */
  readonly retryDelayMs?: number;
}

const textOf = (field: ProtoField): string => Buffer.from(field.bytes ?? []).toString();
const numberOf = (field: ProtoField): number => Number(BigInt.asIntN(64, field.varint ?? 0n));
const fieldsOf = (field: ProtoField) => protoFields(field.bytes ?? new Uint8Array(0), 'otlp/response');

export function decodeExportResponse(message: Uint8Array): ExportResponse {
  let rejectedPoints = 0;
  let text = '';
  for (const field of protoFields(message, 'otlp/response')) {
    if (field.number !== 1) continue;
    for (const part of fieldsOf(field)) {
      if (part.number === 1) rejectedPoints = numberOf(part);
      if (part.number === 2) text = textOf(part);
    }
  }
  return { rejectedPoints, message: text };
}

export function decodeStatus(message: Uint8Array): RpcStatus {
  let code = 0;
  let text = '';
  let retryDelayMs: number | undefined;
  for (const field of protoFields(message, 'otlp/response')) {
    if (field.number === 1) code = numberOf(field);
    if (field.number === 2) text = textOf(field);
    if (field.number === 3) retryDelayMs ??= retryDelayOf(field);
  }
  return { code, message: text, ...(retryDelayMs === undefined ? {} : { retryDelayMs }) };
}

/** The delay in a google.protobuf.Any that holds a google.rpc.RetryInfo; undefined for any other detail. */
function retryDelayOf(any: ProtoField): number | undefined {
  let type = '';
  let content = new Uint8Array(0);
  for (const field of fieldsOf(any)) {
    if (field.number === 1) type = textOf(field);
    if (field.number === 2) content = new Uint8Array(field.bytes ?? []);
  }
  if (!type.endsWith('/google.rpc.RetryInfo')) return undefined;
  let delayMs = 0;
  for (const info of protoFields(content, 'otlp/response')) {
    if (info.number !== 1) continue;
    for (const part of fieldsOf(info)) {
      if (part.number === 1) delayMs += numberOf(part) * 1000;
      if (part.number === 2) delayMs += numberOf(part) / 1e6;
    }
  }
  return Math.max(0, delayMs);
}

/** Nothing rejected and no message: the empty message, which is full success. */
export function encodeExportResponse({ rejectedPoints, message }: ExportResponse): Uint8Array {
  if (rejectedPoints === 0 && message === '') return new Uint8Array(0);
  return messageField(1, integerField(1, rejectedPoints), stringField(2, message));
}

/** A delay of whole seconds. */
export function encodeStatus({ code, message, retryDelayMs }: RpcStatus): Uint8Array {
  const parts = [integerField(1, code), stringField(2, message)];
  if (retryDelayMs !== undefined) {
    const delay = messageField(1, integerField(1, Math.ceil(retryDelayMs / 1000)));
    parts.push(messageField(3, stringField(1, RETRY_INFO), messageField(2, delay)));
  }
  return Buffer.concat(parts);
}

/** Nothing for 0, which is what a reader assumes of an absent field. */
function integerField(field: number, value: number): Uint8Array {
  if (value === 0) return new Uint8Array(0);
  const bytes = new Uint8Array(1 + varintLength(value));
  bytes[0] = field << 3;
  writeVarint(bytes, 1, value);
  return bytes;
}
