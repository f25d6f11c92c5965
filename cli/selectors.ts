/** `src=10.0.0.1 dport=443`: which flows `weir explain` is asked about. */

import { globExpression } from '../core/config/glob.ts';
import { suggestionFor } from '../core/config/suggest.ts';
import { WeirError } from '../core/errors.ts';
import type { Selector } from '../core/pipeline/flow-reports.ts';
import { parseAddress } from '../core/table/address.ts';
import { attributeNamed, attributes } from '../core/table/attributes.ts';
import { parsePrefix } from '../core/table/prefix.ts';
import { createPrefixTable } from '../core/table/prefix-table.ts';

/** Short words; an end is an address or, where the value is none, a name. */
const shortWords: Readonly<Record<string, string>> = {
  src: 'src.address',
  dst: 'dst.address',
  sport: 'src.port',
  dport: 'dst.port',
  port: 'server.port',
  proto: 'transport',
};

const nameOfEnd: Readonly<Record<string, string>> = { src: 'src.name', dst: 'dst.name' };

/** Throws a WeirError for what is no selector. */
export function parseSelector(text: string): Selector {
  const [, word = '', wanted = ''] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const usage = (message: string, fix: string) =>
    new WeirError('cli/usage', `invalid selector "${text}": ${message}`, { fix });
  if (word === '') throw usage('missing equal sign', 'write ATTRIBUTE=VALUE, such as src=10.0.0.1');
  if (wanted === '') throw usage('missing value', 'write ATTRIBUTE=VALUE, such as src=10.0.0.1');
  const attribute = attributeOf(word, wanted);
  if (attribute === undefined) {
    const known = [...Object.keys(shortWords), ...attributes.map(({ name }) => name)];
    throw usage(`unknown attribute "${word}"`, suggestionFor(word.replaceAll('_', '.'), known, 'attributes'));
  }
  if (attribute.endsWith('.address') && isAddress(wanted)) {
    const prefix = prefixOf(wanted);
    if ('message' in prefix) throw usage(prefix.message, prefix.fix);
    const table = createPrefixTable([prefix]);
    const matches: Selector['matches'] = (value) => {
      const bytes = typeof value === 'string' ? parseAddress(value) : undefined;
      return bytes !== undefined && table.find(bytes, 0) === 0;
    };
    return { attribute, matches };
  }
  const pattern = globExpression(wanted);
  if (pattern === undefined) throw usage(`syntax error in pattern "${wanted}"`, 'close the bracket or brace');
  const insensitive = new RegExp(pattern.source, `${pattern.flags}i`);
  return { attribute, matches: (value) => value !== undefined && insensitive.test(String(value)) };
}

function attributeOf(word: string, wanted: string): string | undefined {
  const short = shortWords[word];
  if (short === undefined) return attributeNamed(word)?.name;
  const looksLikeAddress = /^[\d.*?]+$/.test(wanted) || isAddress(wanted);
  return looksLikeAddress ? short : (nameOfEnd[word] ?? short);
}

/** An address or a range, also one that is not well formed. */
const isAddress = (wanted: string) => parseAddress(wanted.split('/')[0] ?? '') !== undefined;

const prefixOf = (wanted: string) =>
  parsePrefix(wanted.includes('/') ? wanted : `${wanted}/${wanted.includes(':') ? 128 : 32}`);
