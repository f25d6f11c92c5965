/** `src=10.0.0.1 dport=443`: which flows `weir explain` is asked about. */

import { globExpression } from '../core/config/glob.ts';
import { suggestionFor } from '../core/config/suggest.ts';
import { WeirError } from '../core/errors.ts';
import type { Selector } from '../core/pipeline/flow-reports.ts';
import { parseAddress } from '../core/table/address.ts';
import { type Attribute, attributeNamed, attributes } from '../core/table/attributes.ts';
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

const MAX_PORT = 65_535;

/** Throws a WeirError for what is no selector, and for values that no flow can have. */
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
  if (attribute.name.endsWith('.address') && isAddress(wanted)) {
    const prefix = prefixOf(wanted);
    if ('message' in prefix) throw usage(prefix.message, prefix.fix);
    const table = createPrefixTable([prefix]);
    const matches: Selector['matches'] = (value) => {
      const bytes = typeof value === 'string' ? parseAddress(value) : undefined;
      return bytes !== undefined && table.find(bytes, 0) === 0;
    };
    return { attribute: attribute.name, matches };
  }
  const complaint = isGlob(wanted) ? undefined : impossible(attribute, wanted);
  if (complaint !== undefined) throw usage(complaint.message, complaint.fix);
  const pattern = globExpression(wanted);
  if (pattern === undefined) throw usage(`syntax error in pattern "${wanted}"`, 'close the bracket or brace');
  const insensitive = new RegExp(pattern.source, `${pattern.flags}i`);
  return { attribute: attribute.name, matches: (value) => value !== undefined && insensitive.test(String(value)) };
}

/** Of `src` and `dst`, a name where the value is neither an address nor meant as one. */
function attributeOf(word: string, wanted: string): Attribute | undefined {
  const meansAddress = /^[\d.*?]+$|[:/]/.test(wanted);
  return attributeNamed((meansAddress ? undefined : nameOfEnd[word]) ?? shortWords[word] ?? word);
}

const isGlob = (wanted: string) => /[*?[\]{}\\]/.test(wanted);

/** Why no flow can have this value. */
function impossible({ name, type }: Attribute, wanted: string) {
  if (name.endsWith('.address')) {
    const fix = 'write an address, a range such as 10.0.0.0/8 or 2001:db8::/32, or a glob such as 10.0.*';
    return { message: `invalid address "${wanted}"`, fix };
  }
  if (name.endsWith('.port') && !(isWholeNumber(wanted) && Number(wanted) <= MAX_PORT)) {
    return { message: `invalid port "${wanted}"`, fix: `write a number from 0 to ${MAX_PORT}, or a glob such as 80*` };
  }
  if (type === 'int' && !isWholeNumber(wanted)) {
    return { message: `invalid number "${wanted}"`, fix: `${name} is a whole number` };
  }
  if (type === 'bool' && !/^(true|false)$/i.test(wanted)) {
    return { message: `invalid value "${wanted}"`, fix: `${name} is true or false` };
  }
  return undefined;
}

/** As values are written, without a zero before it. */
const isWholeNumber = (wanted: string) => /^(0|[1-9]\d*)$/.test(wanted);

/** An address or a range, also one that is not well formed. */
const isAddress = (wanted: string) => parseAddress(wanted.split('/')[0] ?? '') !== undefined;

const prefixOf = (wanted: string) =>
  parsePrefix(wanted.includes('/') ? wanted : `${wanted}/${wanted.includes(':') ? 128 : 32}`);
