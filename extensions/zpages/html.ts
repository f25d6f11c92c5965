/** HTML that is written by hand and escaped by the machine: whatever is put into a template is text, unless it is HTML. */

export interface Html {
  readonly markup: string;
}

type Content = string | number | Html | readonly Html[];

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function html(parts: TemplateStringsArray, ...contents: readonly Content[]): Html {
  const markup = parts.reduce((all, part, at) => `${all}${markupOf(contents[at - 1] ?? '')}${part}`);
  return { markup };
}

function markupOf(content: Content): string {
  if (typeof content === 'object') return 'markup' in content ? content.markup : content.map(markupOf).join('');
  return String(content).replaceAll(/[&<>"']/g, (character) => escapes[character]!);
}

/** With `between` between each two. */
export const joined = (items: readonly Html[], between: Html): Html => ({
  markup: items.map(({ markup }) => markup).join(between.markup),
});

export function table(caption: string, heads: readonly string[], rows: readonly (readonly Content[])[]): Html {
  const headCells = heads.map((head) => html`<th scope="col">${head}</th>`);
  const bodyRows = rows.map(([first = '', ...rest]) => {
    const cells = rest.map((content) => html`<td>${content}</td>`);
    return html`<tr><th scope="row">${first}</th>${cells}</tr>\n`;
  });
  return html`<table>
<caption>${caption}</caption>
<thead><tr>${headCells}</tr></thead>
<tbody>
${bodyRows}</tbody>
</table>
`;
}

const style = `:root { color-scheme: light dark; font-family: sans-serif; line-height: 1.5 }
body { margin: 1rem 2rem }
table { border-collapse: collapse; margin: 1rem 0 }
caption { font-weight: bold; text-align: start }
th, td { border: 1px solid; padding: 0.25rem 0.75rem; text-align: start; vertical-align: top }
th[scope=row] { font-weight: normal }
`;

/** A whole document; `navigation` is a list of path and name. */
export function page(title: string, navigation: readonly (readonly [string, string])[], content: Html): string {
  const links = navigation.map(([path, name]) => html`<li><a href="${path}">${name}</a></li>\n`);
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${{ markup: style }}</style>
</head>
<body>
<nav aria-label="Pages">
<ul>
${links}</ul>
</nav>
<main>
<h1>${title}</h1>
${content}</main>
</body>
</html>
`.markup;
}
