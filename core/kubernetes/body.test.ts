import test from 'ava';
import { createLineSplitter, createPageBuffer, MAX_LINE_BYTES } from './body.ts';

test('lines are cut wherever the pieces end, and a line without an end is an error', (t) => {
  const text = 'first\n\nsecond line\nthird\nlost';
  for (let size = 1; size <= text.length; size++) {
    const lines: string[] = [];
    const split = createLineSplitter((line) => lines.push(line.toString()));
    for (let at = 0; at < text.length; at += size) split(Buffer.from(text.slice(at, at + size)));
    t.deepEqual(lines, ['first', 'second line', 'third']);
  }
  const split = createLineSplitter(() => {});
  split(Buffer.alloc(MAX_LINE_BYTES, 'x'));
  t.throws(() => split(Buffer.from('x')), { message: /more than 16 MiB/ });
});

test('a page is what was appended since it was cleared, however large', (t) => {
  const page = createPageBuffer();
  for (const bytes of [10, 3_000_000, 5]) {
    page.clear();
    for (let left = bytes; left > 0; left -= 65_536) page.append(Buffer.alloc(Math.min(left, 65_536), String(bytes)));
    t.is(page.bytes().length, bytes);
    t.is(page.bytes().toString('utf8', 0, 2), String(bytes).slice(0, 2).padEnd(2, '5'));
  }
});
