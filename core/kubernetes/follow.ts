/**
 * Follows one resource for ever: lists it in pages, then watches it from there, and starts over where the server no longer
 * knows the version. Whatever fails is counted, waited for and tried again; nothing ends it but its signal. Source:
 * "Efficient detection of changes", kubernetes.io/docs/reference/using-api/api-concepts.
 */

import { type BackoffConfig, createBackoff } from '../queue/backoff.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { ApiClient } from './api-client.ts';
import { createLineSplitter, type PageTurns } from './body.ts';
import { type FailureReason, failureOf, failureOfStatus, RequestFailure } from './failure.ts';
import { list, object, readJson, text } from './json-scan.ts';
import type { KubernetesRecord } from './objects.ts';
import type { RecordTable } from './record-table.ts';
import type { Resource, ResourceName } from './resource.ts';

/** Objects a page: a page of 500 makes the peak of memory twice as high. */
export const PAGE_OBJECTS = 100;
/** Where pages expire before the last is read, the next list takes larger ones. */
const PAGE_GROWTH = 5;
const MAX_PAGE_OBJECTS = 12_500;
/** A list of more objects than any cluster has is one that never ends. */
const MAX_LIST_OBJECTS = 10_000_000;
/** A page must begin, and go on, within this. */
export const PAGE_SILENCE_MS = 30_000;
/** A page must be complete within this. */
export const PAGE_MS = 60_000;
/** The server ends a watch after this long, and up to twice that, so that a thousand agents do not come back at once. */
export const WATCH_SECONDS = 300;
/** Bookmarks come once a minute: a watch that is silent for this long is no longer one. */
export const WATCH_SILENCE_MS = 150_000;
/** After so many silent watches in a row the version itself is in doubt (a server restored from a backup): list again. */
const SILENT_WATCHES = 2;
/** A watch that the server ends earlier is waited for like a failure. */
const SHORT_WATCH_MS = 10_000;

export const FOLLOW_BACKOFF: BackoffConfig = {
  initial_interval: 1000,
  randomization_factor: 0.5,
  multiplier: 2,
  max_interval: 30_000,
};

export type Verb = 'list' | 'watch';

/** Hears how it goes. */
export interface FollowReport {
  /** The server answered as it should. */
  worked(resource: ResourceName): void;
  failed(resource: ResourceName, verb: Verb, failure: RequestFailure): void;
  /** A list was complete, `objects` long. */
  listed(resource: ResourceName, objects: number): void;
}

export interface FollowOptions<R extends KubernetesRecord> {
  readonly resource: Resource<R>;
  /** Selectors, such as `fieldSelector=spec.nodeName%3Dnode-a`; empty for all objects. */
  readonly selectors: string;
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly table: Pick<RecordTable<R>, 'beginList' | 'endList' | 'set' | 'delete'>;
  /** Runs one page at a time over all resources of a store, in this buffer. */
  readonly page: PageTurns;
  readonly report: FollowReport;
  readonly backoff?: BackoffConfig;
}

/** What waiting does not mend: the list must begin anew. */
const BEGIN_ANEW: ReadonlySet<FailureReason> = new Set(['gone', 'endless']);
const RESTART = Symbol('restart');

/** Resolves when the signal aborts; never rejects. */
export async function follow<R extends KubernetesRecord>(
  options: FollowOptions<R>,
  signal: AbortSignal,
): Promise<void> {
  const { resource, client, clock, table, report } = options;
  const startBackoff = () => createBackoff(options.backoff ?? FOLLOW_BACKOFF);
  let nextWaitMs = startBackoff();
  let failing = false;
  let pageObjects = PAGE_OBJECTS;

  function worked(): void {
    if (!failing) return;
    failing = false;
    nextWaitMs = startBackoff();
    report.worked(resource.name);
  }

  /** Tries until it works; RESTART where the list must begin anew, or the signal aborted. */
  async function persist<T>(verb: Verb, work: () => Promise<T>): Promise<T | typeof RESTART> {
    while (!signal.aborted) {
      try {
        return await work();
      } catch (error) {
        if (signal.aborted) break;
        const failure = failureOf(error);
        failing = true;
        report.failed(resource.name, verb, failure);
        if (failure.reason === 'gone') pageObjects = Math.min(pageObjects * PAGE_GROWTH, MAX_PAGE_OBJECTS);
        await clock.sleep(nextWaitMs(failure.retryAfterMs), signal);
        if (BEGIN_ANEW.has(failure.reason)) break;
      }
    }
    return RESTART;
  }

  const pageReader = object({
    metadata: object({ resourceVersion: text, continue: text }),
    items: list(resource.object),
  });

  /** Sets the objects of one page, and gives how the list goes on. */
  async function readPage(token: string, objectsBefore: number) {
    if (objectsBefore > MAX_LIST_OBJECTS) throw new RequestFailure('endless', `more than ${MAX_LIST_OBJECTS} objects`);
    const path = `${resource.path}?${query(options.selectors, `limit=${pageObjects}`, token && `continue=${encodeURIComponent(token)}`)}`;
    return options.page(async (buffer) => {
      const deadlineMs = clock.monotonicMs() + PAGE_MS;
      buffer.clear();
      await client.get(path, {
        signal,
        silenceMs: PAGE_SILENCE_MS,
        onOpen: () => {},
        onData(chunk) {
          if (clock.monotonicMs() > deadlineMs) {
            throw new RequestFailure('endless', `a page was not complete within ${PAGE_MS / 1000} s`);
          }
          buffer.append(chunk);
        },
      });
      const found = readJson(buffer.bytes(), pageReader);
      const { resourceVersion = '', continue: next = '' } = found?.metadata ?? {};
      if (resourceVersion === '') throw new RequestFailure('malformed', 'the answer is no list of objects');
      if (next !== '' && next === token) throw new RequestFailure('endless', 'the list leads back to the same page');
      for (const { record } of found?.items ?? []) if (record !== undefined) table.set(record);
      worked();
      return { version: resourceVersion, next, objects: found?.items?.length ?? 0 };
    });
  }

  /** The version to watch from; undefined when the list must begin anew. */
  async function listAll(): Promise<string | undefined> {
    let token = '';
    let objects = 0;
    table.beginList();
    for (;;) {
      const page = await persist('list', () => readPage(token, objects));
      if (page === RESTART) return undefined;
      objects += page.objects;
      if (page.next === '') {
        table.endList();
        pageObjects = PAGE_OBJECTS;
        report.listed(resource.name, objects);
        return page.version;
      }
      token = page.next;
    }
  }

  const eventReader = object({ type: text, object: resource.object });

  /** Applies events until the server ends the watch; throws where it fails. `advance` takes each version. */
  async function watchOnce(version: string, advance: (version: string) => void): Promise<void> {
    const seconds = WATCH_SECONDS + Math.floor(Math.random() * WATCH_SECONDS);
    const watch = query(options.selectors, 'watch=1', 'allowWatchBookmarks=true', `resourceVersion=${version}`);
    const startedMs = clock.monotonicMs();
    const split = createLineSplitter((line) => {
      const { type, object: parsed } = readJson(line, eventReader) ?? {};
      if (type === 'ERROR') throw failureOfStatus(parsed?.failure?.code ?? 0, parsed?.failure?.message ?? '');
      if (type === undefined || parsed === undefined)
        throw new RequestFailure('malformed', 'an event without an object');
      if (parsed.record !== undefined && type === 'DELETED') table.delete(parsed.record.uid);
      else if (parsed.record !== undefined && type !== 'BOOKMARK') table.set(parsed.record);
      if (parsed.version !== '') advance(parsed.version);
    });
    await client.get(`${resource.path}?${watch}&timeoutSeconds=${seconds}`, {
      signal,
      silenceMs: WATCH_SILENCE_MS,
      onOpen: () => report.worked(resource.name),
      onData: split,
    });
    if (clock.monotonicMs() - startedMs >= SHORT_WATCH_MS) return;
    failing = true;
    await clock.sleep(nextWaitMs(0), signal);
  }

  /** Until a new list is needed. */
  async function watchFrom(first: string): Promise<void> {
    let version = first;
    let silent = 0;
    const advance = (next: string) => {
      version = next;
      silent = 0;
      worked();
    };
    while (silent < SILENT_WATCHES) {
      const ended = await persist('watch', async () => {
        try {
          await watchOnce(version, advance);
        } catch (error) {
          if (failureOf(error).reason === 'silent' && ++silent === SILENT_WATCHES) return;
          throw error;
        }
      });
      if (ended === RESTART) return;
    }
  }

  while (!signal.aborted) {
    const version = await listAll();
    if (version !== undefined) await watchFrom(version);
  }
}

const query = (...parts: readonly string[]) => parts.filter((part) => part !== '').join('&');
