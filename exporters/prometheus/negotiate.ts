/** Which format and which encoding a scraper takes, by its headers. */

import type { Format } from './exposition.ts';

export interface Answer {
  readonly format: Format;
  readonly contentType: string;
}

const plainText: Answer = { format: 'text', contentType: 'text/plain; version=0.0.4; charset=utf-8' };

const openMetrics = (version: string): Answer => ({
  format: 'openmetrics',
  contentType: `application/openmetrics-text; version=${version}; charset=utf-8`,
});

const OPEN_METRICS_VERSIONS: readonly string[] = ['1.0.0', '0.0.1'];

/** One entry of an Accept header. */
interface Preference {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** 0 to 1; 0 refuses. */
  readonly quality: number;
}

/** OpenMetrics only where it is switched on and asked for; whoever asks for nothing that there is gets plain text. */
export function negotiateFormat(accept: string | undefined, openMetricsEnabled: boolean): Answer {
  for (const { name, parameters } of preferences(accept)) {
    const version = parameters.get('version');
    if (name === 'text/plain' && (version === undefined || version === '0.0.4')) return plainText;
    if (!openMetricsEnabled || name !== 'application/openmetrics-text') continue;
    if (version === undefined) return openMetrics('1.0.0');
    if (OPEN_METRICS_VERSIONS.includes(version)) return openMetrics(version);
  }
  return plainText;
}

export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  return preferences(acceptEncoding).some(({ name }) => name === 'gzip' || name === '*');
}

/** The best first; what is refused is left out. */
function preferences(header = ''): readonly Preference[] {
  return header
    .split(',')
    .map((entry): Preference => {
      const [name = '', ...rest] = entry.split(';').map((part) => part.trim().toLowerCase());
      const parameters = new Map(rest.map((part) => part.split('=', 2).map((side) => side.trim()) as [string, string]));
      const quality = Number(parameters.get('q') ?? 1);
      return { name, parameters, quality: Number.isNaN(quality) ? 0 : quality };
    })
    .filter(({ name, quality }) => name !== '' && quality > 0)
    .sort((a, b) => b.quality - a.quality);
}
