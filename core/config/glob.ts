/**
 * Globs as Beyla's filters have them (gobwas/glob without separators): `*` and `**` any text, `?` one character,
 * `[abc]`, `[a-z]` and `[!x]` one of a class or not of it, `{a,b}` either pattern, `\` the next character itself.
 */

/** Over the whole of a text; undefined when it is malformed. */
export function globExpression(glob: string): RegExp | undefined {
  let source = '';
  let open = 0;
  let at = 0;
  while (at < glob.length) {
    const [part] = /^(?:\*+|\\.|\[(?:!|(?!!))(?:\\.|[^\]\\])+\]|[^[\\])/su.exec(glob.slice(at)) ?? [];
    if (part === undefined) return undefined;
    if (part === '{') open += 1;
    if (part === '}' && open > 0) {
      open -= 1;
      source += ')';
    } else source += sourceOf(part, open > 0);
    at += part.length;
  }
  if (open > 0) return undefined;
  try {
    return new RegExp(`^(?:${source})$`, 'su');
  } catch {
    return undefined; // such as a range that runs backwards, [z-a]
  }
}

function sourceOf(part: string, inAlternatives: boolean): string {
  if (part.startsWith('*')) return '.*';
  if (part === '?') return '.';
  if (part === '{') return '(?:';
  if (part === ',' && inAlternatives) return '|';
  if (part.startsWith('[')) {
    const negated = part.startsWith('[!');
    const members = part
      .slice(negated ? 2 : 1, -1)
      .replace(/\\(.)|([\^[\]&|~])/gsu, (_, escaped, sign) => (escaped === '-' ? '\\-' : quoted(escaped ?? sign)));
    return `[${negated ? '^' : ''}${members}]`;
  }
  return quoted(part.startsWith('\\') ? part.slice(1) : part);
}

const quoted = (character: string) => character.replace(/[\^$.*+?()[\]{}|/\\]/u, '\\$&');
