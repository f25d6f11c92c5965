/**
 * The converters of OTTL that this build has, named and behaving as upstream's (pkg/ottl/ottlfuncs), with one
 * difference: what asks about text is false for nil, where upstream's HasPrefix and HasSuffix fail. A flow often lacks
 * an attribute, and a window must not be lost for it.
 */

import { parseAddress } from '../table/address.ts';
import { parsePrefix } from '../table/prefix.ts';
import { createPrefixTable } from '../table/prefix-table.ts';
import { communityId } from './community-id.ts';
import { regularExpression } from './regular-expression.ts';
import { EvaluationError, type Value } from './syntax.ts';
import { compare, textOf, typeOf } from './values.ts';

/** Something wrong with an argument that the text itself gives. */
export class ArgumentError extends Error {
  /** Place in the list of arguments. */
  readonly argument: number;
  readonly fix: string | undefined;

  constructor(argument: number, message: string, fix?: string) {
    super(message);
    this.argument = argument;
    this.fix = fix;
  }
}

export interface Converter {
  readonly parameters: readonly string[];
  /** How many of them may be left out, from the end. */
  readonly optional?: number;
  /**
   * Gets the arguments that are the same for every row, the others undefined: what can be prepared is prepared once.
   * Throws an ArgumentError. What it returns may throw an EvaluationError.
   */
  prepare(fixed: readonly (Value | undefined)[]): (given: readonly Value[]) => Value;
}

const simple = (parameters: readonly string[], call: (given: readonly Value[]) => Value): Converter => ({
  parameters,
  prepare: () => call,
});

const isOfType = (...types: readonly ReturnType<typeof typeOf>[]) =>
  simple(['value'], ([value = null]) => types.includes(typeOf(value)));

function textArgument(name: string, value: Value): string {
  if (typeof value === 'string') return value;
  throw new EvaluationError(`${name}: expected string but got ${typeOf(value)}`);
}

function listArgument(name: string, value: Value): readonly Value[] {
  if (Array.isArray(value)) return value;
  throw new EvaluationError(`${name}: expected a list but got ${typeOf(value)}`);
}

const onText = (name: string, second: string, test: (value: string, part: string) => boolean): Converter =>
  simple(['value', second], ([value = null, part = null]) =>
    value === null ? false : test(textArgument(name, value), textArgument(name, part)),
  );

export const converters: ReadonlyMap<string, Converter> = new Map<string, Converter>([
  ['IsMatch', { parameters: ['target', 'pattern'], prepare: prepareIsMatch }],
  ['HasPrefix', onText('HasPrefix', 'prefix', (value, prefix) => value.startsWith(prefix))],
  ['HasSuffix', onText('HasSuffix', 'suffix', (value, suffix) => value.endsWith(suffix))],
  ['IsInCIDR', { parameters: ['target', 'networks'], prepare: prepareIsInCidr }],
  ['IsString', isOfType('string')],
  ['IsInt', isOfType('int')],
  ['IsDouble', isOfType('float')],
  ['IsBool', isOfType('bool')],
  ['IsMap', isOfType('map')],
  ['IsList', isOfType('list')],
  [
    'Concat',
    simple(['values', 'delimiter'], ([values = null, delimiter = null]) =>
      listArgument('Concat', values)
        .map((value) => textOf(value) ?? '<nil>')
        .join(textArgument('Concat', delimiter)),
    ),
  ],
  ['Len', simple(['target'], ([target = null]) => lengthOf(target))],
  ['Int', simple(['value'], ([value = null]) => intOf(value))],
  [
    'Split',
    simple(['target', 'delimiter'], ([target = null, delimiter = null]) =>
      textArgument('Split', target).split(textArgument('Split', delimiter)),
    ),
  ],
  [
    'ContainsValue',
    simple(['target', 'item'], ([target = null, item = null]) =>
      target === null ? false : listArgument('ContainsValue', target).some((value) => compare('==', value, item)),
    ),
  ],
  [
    'CommunityID',
    {
      parameters: ['source_ip', 'source_port', 'destination_ip', 'destination_port', 'protocol', 'seed'],
      optional: 2,
      prepare: () => communityId,
    },
  ],
]);

function prepareIsMatch(fixed: readonly (Value | undefined)[]): (given: readonly Value[]) => Value {
  const [, pattern] = fixed;
  let compiled: { readonly pattern: Value; readonly expression: RegExp } | undefined;
  if (pattern !== undefined) {
    try {
      compiled = { pattern, expression: regularExpression(textArgument('IsMatch', pattern)) };
    } catch (error) {
      const message = `the pattern supplied to IsMatch is not a valid regexp pattern: ${(error as Error).message}`;
      throw new ArgumentError(1, message, 'write a regular expression in RE2 syntax, such as "^pod-.*"');
    }
  }
  return ([target = null, given = null]) => {
    const text = textOf(target);
    if (text === undefined) return false;
    if (compiled?.pattern !== given) {
      try {
        compiled = { pattern: given, expression: regularExpression(textArgument('IsMatch', given)) };
      } catch (error) {
        throw new EvaluationError(`IsMatch: ${(error as Error).message}`);
      }
    }
    return compiled.expression.test(text);
  };
}

function prepareIsInCidr(fixed: readonly (Value | undefined)[]): (given: readonly Value[]) => Value {
  const [, networks] = fixed;
  if (networks === undefined) {
    throw new ArgumentError(1, 'IsInCIDR: the networks must not depend on the data', 'write them out: ["10.0.0.0/8"]');
  }
  if (!Array.isArray(networks)) {
    throw new ArgumentError(1, `IsInCIDR: expected a list but got ${typeOf(networks)}`, 'write a list: ["10.0.0.0/8"]');
  }
  const prefixes = networks.map((network: Value) => {
    const prefix = parsePrefix(textOf(network) ?? '');
    if ('message' in prefix) throw new ArgumentError(1, `IsInCIDR: ${prefix.message}`, prefix.fix);
    return prefix;
  });
  const table = createPrefixTable(prefixes);
  return ([target = null]) => {
    const bytes = typeof target === 'string' ? parseAddress(target) : undefined;
    return bytes !== undefined && table.find(bytes, 0) >= 0;
  };
}

function lengthOf(target: Value): bigint {
  if (typeof target === 'string') return BigInt(Buffer.byteLength(target));
  if (target instanceof Map) return BigInt(target.size);
  if (Array.isArray(target) || target instanceof Uint8Array) return BigInt(target.length);
  throw new EvaluationError(`Len: ${typeOf(target)} has no length`);
}

/** Nil where there is no whole number in it. */
function intOf(value: Value): Value {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'boolean') return value ? 1n : 0n;
  if (typeof value === 'number') return Number.isFinite(value) ? BigInt.asIntN(64, BigInt(Math.trunc(value))) : null;
  return typeof value === 'string' && /^[-+]?\d+$/.test(value)
    ? BigInt.asIntN(64, BigInt(value.replace('+', '')))
    : null;
}
