/**
 * Regular expressions as Go writes them (RE2 syntax), for JavaScript's engine: flags at the begin, escapes of any sign,
 * `\A` and `\z`, POSIX classes. What JavaScript alone knows (look-around, back references) is refused as Go refuses it.
 */

const posixClasses: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  blank: '\\t ',
  digit: '0-9',
  lower: 'a-z',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

/** Throws a SyntaxError. */
export function regularExpression(pattern: string): RegExp {
  const [head = '', flags = ''] = /^\(\?([ims]+)\)/.exec(pattern) ?? [];
  const body = pattern.slice(head.length);
  if (/\(\?<?[=!]/.test(body)) throw new SyntaxError('look-around is not supported');
  if (/(?<!\\)(?:\\\\)*\\[1-9]/.test(body)) throw new SyntaxError('back references are not supported');
  const translated = body
    .replace(/\(\?P</g, '(?<')
    .replace(/\[:(\w+):\]/g, (whole, name: string) => posixClasses[name] ?? whole)
    .replace(/\\(.)/gsu, (whole, character: string) => {
      if (character === 'A') return '(?<![\\s\\S])';
      if (character === 'z') return '(?![\\s\\S])';
      if (/[\^$\\.*+?()[\]{}|/A-Za-z0-9-]/.test(character)) return character === '-' ? '\\x2d' : whole;
      return character;
    });
  return new RegExp(translated, `u${flags}`);
}
