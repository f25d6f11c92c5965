/** Component and pipeline ids: `type` or `type/name`, with the rules and words of the Collector. */

const typePattern = /^[a-zA-Z][0-9a-zA-Z_]{0,62}$/;
/** No white space, control characters or symbols. */
const namePattern = /^[^\p{Z}\p{C}\p{S}]+$/u;
const maximumNameLength = 1024;

export interface ComponentId {
  readonly type: string;
  readonly name: string | undefined;
}

export const formatId = ({ type, name }: ComponentId): string => (name === undefined ? type : `${type}/${name}`);

/** The two sides of the first slash, trimmed; a text that says what is wrong when they are not well formed. */
export function parseId(text: string, aliases: ReadonlyMap<string, string>): ComponentId | string {
  const slash = text.indexOf('/');
  const type = (slash === -1 ? text : text.slice(0, slash)).trim();
  const name = slash === -1 ? undefined : text.slice(slash + 1).trim();
  if (text.trim() === '') return 'id must not be empty';
  if (type === '') return `in "${text}" id: the part before / should not be empty`;
  if (name === '') return `in "${text}" id: the part after / should not be empty`;
  // Some of our aliases have hyphens, which the rule for types does not allow.
  if (!aliases.has(type) && !typePattern.test(type)) return `in "${text}" id: invalid character(s) in type "${type}"`;
  if (name !== undefined && name.length > maximumNameLength) {
    return `in "${text}" id: name "${name}" is longer than ${maximumNameLength} characters (${name.length} characters)`;
  }
  if (name !== undefined && !namePattern.test(name)) {
    return `in "${text}" id: invalid character(s) in name "${name}"`;
  }
  return { type: aliases.get(type) ?? type, name };
}
