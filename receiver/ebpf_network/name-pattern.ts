/** Entries of `interfaces` and `exclude_interfaces`: an exact name, or a regular expression between slashes. */

export interface NamePattern {
  /** As the configuration has it. */
  readonly text: string;
  /** The name, when the entry is one. */
  readonly exact: string | undefined;
  matches(name: string): boolean;
}

/** Throws a SyntaxError when the text between the slashes is not a regular expression. */
export function parseNamePattern(text: string): NamePattern {
  if (text.length > 2 && text.startsWith('/') && text.endsWith('/')) {
    const expression = new RegExp(text.slice(1, -1), 'u');
    return { text, exact: undefined, matches: (name) => expression.test(name) };
  }
  return { text, exact: text, matches: (name) => name === text };
}
