/**
 * One store for all who ask for the same cluster: several processors, one list and one watch. Wishes are collected until
 * the first of them starts, so that one store keeps what all of them need.
 */

import { isDeepStrictEqual } from 'node:util';
import { WeirError } from '../errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/log.ts';
import type { MetricRegistry } from '../telemetry/metrics.ts';
import { type Connection, findCredentials, SERVICE_ACCOUNT_FOLDER, type Surroundings } from './access.ts';
import { createApiClient } from './api-client.ts';
import { type Scope, type WantedKeys, type WantedTexts, WHOLE_CLUSTER } from './scope.ts';
import { createKubernetesStore, type KubernetesReader } from './store.ts';

export interface StoreHost {
  readonly logger: Logger;
  readonly metrics: MetricRegistry;
  readonly clock: Clock;
  readonly build: { readonly command: string; readonly version: string };
}

export interface StoreWish {
  readonly connection: Connection;
  readonly scope: Scope;
}

/** Whatever others of the same agent follow; where nobody does, what `autodetect` finds, without Services. */
export const AS_OTHERS = 'as others';

/** One reader's hold on a store. */
export interface StoreLease {
  /**
   * The store, following; the first call starts it. Undefined where `autodetect` finds no cluster. Throws a WeirError
   * where what was asked for is not there.
   */
  start(): Promise<KubernetesReader | undefined>;
  /** The last one to stop ends the store. May be called before start, and twice. */
  stop(): Promise<void>;
  /** With AS_OTHERS, after the start: nobody else asked, so nobody else waits for the first lists. */
  readonly isAlone: boolean;
}

export interface SharedStores {
  /** Called when a component is made, so before any of them starts. */
  request(wish: StoreWish | typeof AS_OTHERS, host: StoreHost): StoreLease;
}

/** A wish with the agent whose component has it. */
interface Waiting {
  readonly wish: StoreWish;
  readonly agent: object;
}

interface Running extends Waiting {
  readonly reader: Promise<KubernetesReader | undefined>;
  readonly stop: () => Promise<void>;
  leases: number;
}

export function createSharedStores(surroundings: Partial<Surroundings> = {}): SharedStores {
  const waiting = new Set<Waiting>();
  const running = new Set<Running>();

  function join(wish: StoreWish, host: StoreHost): Running {
    const known = [...running].find((store) => sameCluster(store.wish, wish) && covers(store.wish.scope, wish.scope));
    if (known !== undefined) return known;
    const others = [...waiting].filter((other) => sameCluster(other.wish, wish));
    const scope = others.reduce((all, other) => withWishesOf(all, other.wish.scope), wish.scope);
    const store = open({ ...wish, scope }, host, surroundings);
    running.add(store);
    return store;
  }

  /** The first that somebody of the agent has; one that follows nodes before one that does not. */
  function wishOfOthers({ metrics }: StoreHost): StoreWish | undefined {
    const agentAsking = agentOf(metrics);
    const wishes = [...running, ...waiting].filter(({ agent }) => agent === agentAsking).map(({ wish }) => wish);
    return wishes.find(({ scope }) => !scope.without.includes('nodes')) ?? wishes[0];
  }

  return {
    request(asked, host) {
      let joined: Running | undefined;
      let isAlone = false;
      const own = asked === AS_OTHERS ? undefined : { wish: asked, agent: agentOf(host.metrics) };
      if (own !== undefined) waiting.add(own);
      const withdraw = () => {
        if (own !== undefined) waiting.delete(own);
      };
      const wished = () => {
        if (own !== undefined) return own.wish;
        const others = wishOfOthers(host);
        isAlone = others === undefined;
        return others ?? ALONE;
      };
      return {
        get isAlone() {
          return isAlone;
        },
        start() {
          withdraw();
          if (joined === undefined) {
            joined = join(wished(), host);
            joined.leases++;
          }
          return joined.reader;
        },
        async stop() {
          withdraw();
          const store = joined;
          joined = undefined;
          if (store === undefined || --store.leases > 0) return;
          running.delete(store);
          await store.stop();
        },
      };
    },
  };
}

/** All components of an agent publish in one registry. */
const agentOf = (metrics: MetricRegistry): object => metrics.whole ?? metrics;

const ALONE: StoreWish = {
  connection: { authType: 'autodetect', kubeConfigPath: '', context: '' },
  scope: { ...WHOLE_CLUSTER, without: ['services'] },
};

/** Those of the process. */
export const sharedStores = createSharedStores();

function open(wish: StoreWish, host: StoreHost, given: Partial<Surroundings>): Running {
  const stopping = new AbortController();
  const surroundings = {
    serviceAccountFolder: SERVICE_ACCOUNT_FOLDER,
    environment: process.env,
    clock: host.clock,
    ...given,
  };
  let ended: Promise<void> = Promise.resolve();
  async function start(): Promise<KubernetesReader | undefined> {
    const credentials = await findCredentials(wish.connection, surroundings);
    if (credentials === undefined || stopping.signal.aborted) return undefined;
    const client = createApiClient(credentials, host.clock, `${host.build.command}/${host.build.version}`);
    const store = createKubernetesStore({ client, scope: wish.scope, ...host });
    ended = store.run(stopping.signal).finally(() => client.close());
    return store;
  }
  const reader = start();
  return {
    wish,
    agent: agentOf(host.metrics),
    reader,
    leases: 0,
    async stop() {
      stopping.abort();
      // Whoever started it has had the error.
      await reader.catch((error: unknown) => {
        if (!(error instanceof WeirError)) throw error;
      });
      await ended;
    },
  };
}

/** What decides which objects are followed; what is kept of them may be more than was asked for. */
function sameCluster(a: StoreWish, b: StoreWish): boolean {
  const objects = ({ connection, scope: { without, localNode, pods } }: StoreWish) => ({
    connection,
    without: without.toSorted(),
    localNode,
    pods,
  });
  return isDeepStrictEqual(objects(a), objects(b));
}

const NOTHING: WantedKeys = { keys: [], patterns: [] };

function covers(has: Scope, wants: Scope): boolean {
  return isDeepStrictEqual(withWishesOf(has, wants), has);
}

/** The first scope with what the second keeps added to what it keeps. */
function withWishesOf(scope: Scope, { keep: more }: Scope): Scope {
  const { pods, podDetails, nodes, namespaces } = scope.keep;
  return {
    ...scope,
    keep: {
      pods: bothTexts(pods, more.pods),
      podDetails: podDetails || more.podDetails,
      nodes: { annotations: bothKeys(nodes.annotations, more.nodes.annotations) },
      namespaces:
        more.namespaces === undefined
          ? namespaces
          : bothTexts(namespaces ?? { labels: NOTHING, annotations: NOTHING }, more.namespaces),
    },
  };
}

const bothTexts = (a: WantedTexts, b: WantedTexts): WantedTexts => ({
  labels: bothKeys(a.labels, b.labels),
  annotations: bothKeys(a.annotations, b.annotations),
});

const bothKeys = (a: WantedKeys, b: WantedKeys): WantedKeys => ({
  keys: [...new Set([...a.keys, ...b.keys])],
  patterns: [...new Set([...a.patterns, ...b.patterns])],
});
