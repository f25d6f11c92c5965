/** The OTLP metrics messages, read and written by protobufjs from the .proto files: the second opinion on our own bytes. */

import { createRequire } from 'node:module';
import path from 'node:path';
import protobuf from 'protobufjs';

const protoRoot = path.dirname(createRequire(import.meta.url).resolve('@elastic/mockotlpserver/package.json'));

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => path.join(protoRoot, target);
root.loadSync('opentelemetry/proto/collector/metrics/v1/metrics_service.proto');
protobuf.parse(
  `syntax = "proto3"; package google.rpc;
   message Any { string type_url = 1; bytes value = 2; }
   message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
   message Duration { int64 seconds = 1; int32 nanos = 2; }
   message RetryInfo { Duration retry_delay = 1; }`,
  root,
);

const collector = 'opentelemetry.proto.collector.metrics.v1';
const requestType = root.lookupType(`${collector}.ExportMetricsServiceRequest`);
const responseType = root.lookupType(`${collector}.ExportMetricsServiceResponse`);
const statusType = root.lookupType('google.rpc.Status');
const retryInfoType = root.lookupType('google.rpc.RetryInfo');

/** 64-bit integers are decimal strings. */
export interface DecodedRequest {
  readonly resourceMetrics: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeMetrics: readonly {
      readonly scope: { readonly name: string; readonly version: string };
      readonly metrics: readonly {
        readonly name: string;
        readonly description: string;
        readonly unit: string;
        readonly sum: {
          readonly aggregationTemporality: string;
          readonly isMonotonic: boolean;
          readonly dataPoints: readonly {
            readonly attributes: readonly KeyValue[];
            readonly startTimeUnixNano: string;
            readonly timeUnixNano: string;
            readonly asInt: string;
          }[];
        };
      }[];
    }[];
  }[];
}

interface KeyValue {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string; readonly boolValue?: boolean };
}

const plain = { longs: String, enums: String, defaults: true, arrays: true } as const;

/** Every field, those with default values included; throws on malformed bytes. */
export function decodeRequest(body: Uint8Array): DecodedRequest {
  return requestType.toObject(requestType.decode(body), plain) as DecodedRequest;
}

/** The same of a request in OTLP/JSON. */
export function decodeJsonRequest(request: object): DecodedRequest {
  return requestType.toObject(requestType.fromObject(request), plain) as DecodedRequest;
}

/** A request in OTLP/JSON as protobuf. */
export function encodeRequest(request: object): Buffer {
  return Buffer.from(requestType.encode(requestType.fromObject(request)).finish());
}

export function decodeResponse(body: Uint8Array): object {
  return responseType.toObject(responseType.decode(body), { longs: String });
}

export function decodeStatusBody(body: Uint8Array): object {
  return statusType.toObject(statusType.decode(body));
}

export function encodeResponse(partialSuccess?: { rejectedDataPoints: number; errorMessage: string }): Buffer {
  return Buffer.from(responseType.encode(responseType.fromObject(partialSuccess ? { partialSuccess } : {})).finish());
}

export function encodeStatus(code: number, message: string, retryDelayMs?: number): Buffer {
  const details = retryDelayMs === undefined ? [] : [retryInfo(retryDelayMs)];
  return Buffer.from(statusType.encode(statusType.fromObject({ code, message, details })).finish());
}

function retryInfo(delayMs: number): { typeUrl: string; value: Uint8Array } {
  const retryDelay = { seconds: Math.floor(delayMs / 1000), nanos: (delayMs % 1000) * 1e6 };
  const value = retryInfoType.encode(retryInfoType.fromObject({ retryDelay })).finish();
  return { typeUrl: 'type.googleapis.com/google.rpc.RetryInfo', value };
}
