/**
 * Who had which address when. Each holder of an address has a claim with an interval of validity, so that an address that
 * was used again belongs to the one at the time of the flow. A claim that ended stays for RETENTION_MS after that became
 * known: flows are looked up after their window, which may be late.
 */

/** How long what is gone is still found: as long as the collector's own processor keeps a deleted pod. */
export const RETENTION_MS = 120_000;

/** How far the clocks of two hosts may differ: a claim that begins this much later is taken when there is no other. */
export const CLOCK_SKEW_MS = 10_000;

export interface Claim<H> {
  readonly address: string;
  readonly holder: H;
  /** Of two holders of an address the one with the lower rank names it. */
  readonly rank: number;
  readonly fromMs: number;
  /** Infinity while it holds. */
  readonly toMs: number;
}

export interface AddressIndex<H> {
  /** Addresses that have a claim. */
  readonly size: number;
  open(address: string, holder: H, rank: number, fromMs: number): Claim<H>;
  /** `toMs` is when it ended, `nowMs` when that became known. */
  close(claim: Claim<H>, toMs: number, nowMs: number): void;
  /** Forgets claims whose end has been known for RETENTION_MS; gives their addresses. */
  expire(nowMs: number): readonly string[];
  /**
   * Claims of an address that may be meant by a flow of that time, best first: by rank; then those that hold at that time,
   * the latest to begin first, for only one can have it; then those that ended before, the last to end first; then
   * those that begin a little later.
   */
  at(address: string, timeMs: number): readonly Claim<H>[];
}

interface Link<H> extends Claim<H> {
  toMs: number;
  next: Link<H> | undefined;
}

interface Closed<H> {
  readonly claim: Link<H>;
  readonly forgetMs: number;
}

export function createAddressIndex<H>(): AddressIndex<H> {
  /** The claims of an address as a chain: nearly always of one, which then costs no array. */
  const chains = new Map<string, Link<H>>();
  let closed: Closed<H>[] = [];

  function drop(claim: Link<H>): void {
    let link = chains.get(claim.address);
    if (link === claim) {
      if (claim.next === undefined) chains.delete(claim.address);
      else chains.set(claim.address, claim.next);
      return;
    }
    while (link !== undefined && link.next !== claim) link = link.next;
    if (link !== undefined) link.next = claim.next;
  }

  return {
    get size() {
      return chains.size;
    },
    open(address, holder, rank, fromMs) {
      const first = chains.get(address);
      // The text of the address is kept once, however many objects name it.
      const claim = {
        address: first?.address ?? address,
        holder,
        rank,
        fromMs,
        toMs: Number.POSITIVE_INFINITY,
        next: first,
      };
      chains.set(claim.address, claim);
      return claim;
    },
    close(claim, toMs, nowMs) {
      (claim as Link<H>).toMs = toMs;
      closed.push({ claim: claim as Link<H>, forgetMs: nowMs + RETENTION_MS });
    },
    expire(nowMs) {
      const due = closed.findIndex(({ forgetMs }) => forgetMs > nowMs);
      const gone = due === -1 ? closed : closed.slice(0, due);
      closed = due === -1 ? [] : closed.slice(due);
      for (const { claim } of gone) drop(claim);
      return gone.map(({ claim }) => claim.address);
    },
    at(address, timeMs) {
      const found: Link<H>[] = [];
      for (let claim = chains.get(address); claim !== undefined; claim = claim.next) {
        if (isNear(claim, timeMs)) found.push(claim);
      }
      return found.length < 2 ? found : found.sort((a, b) => a.rank - b.rank || byTime(a, b, timeMs));
    },
  };
}

const isNear = ({ fromMs, toMs }: Claim<unknown>, timeMs: number) =>
  timeMs <= toMs + RETENTION_MS && timeMs >= fromMs - CLOCK_SKEW_MS;

function byTime(a: Claim<unknown>, b: Claim<unknown>, timeMs: number): number {
  const [stateOfA, stateOfB] = [stateAt(a, timeMs), stateAt(b, timeMs)];
  if (stateOfA !== stateOfB) return stateOfA - stateOfB;
  if (stateOfA === HOLDS) return b.fromMs - a.fromMs;
  return stateOfA === ENDED ? b.toMs - a.toMs : a.fromMs - b.fromMs;
}

const [HOLDS, ENDED, BEGINS] = [0, 1, 2];

function stateAt({ fromMs, toMs }: Claim<unknown>, timeMs: number): number {
  if (timeMs < fromMs) return BEGINS;
  return timeMs <= toMs ? HOLDS : ENDED;
}
