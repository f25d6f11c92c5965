/** The body of an answer, in the form of the collector's extension. */

const NS_OF_MS = 1_000_000n;

/** `readySinceNs` undefined: not ready. */
export function bodyOf(readySinceNs: bigint | undefined, nowNs: bigint): string {
  if (readySinceNs === undefined) {
    return JSON.stringify({ status: 'Server not available', upSince: '0001-01-01T00:00:00Z', uptime: '' });
  }
  const upSince = new Date(Number(readySinceNs / NS_OF_MS)).toISOString();
  // The time of the host may have been set back.
  const uptimeMs = Math.max(0, Number((nowNs - readySinceNs) / NS_OF_MS));
  return JSON.stringify({ status: 'Server available', upSince, uptime: durationText(uptimeMs) });
}

/** As Go writes a duration: `1h2m3.5s`, `250ms`, `0s`. */
function durationText(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  if (milliseconds < 1000) return `${milliseconds}ms`;
  const minutes = Math.floor(milliseconds / 60_000);
  const seconds = `${(milliseconds % 60_000) / 1000}s`;
  if (minutes === 0) return seconds;
  return minutes < 60 ? `${minutes}m${seconds}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}
