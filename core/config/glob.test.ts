import test from 'ava';
import { globExpression } from './glob.ts';

const cases: readonly (readonly [glob: string, text: string, matches: boolean])[] = [
  ['UDP', 'UDP', true],
  ['UDP', 'UDPLITE', false],
  ['UDP', 'udp', false],
  ['53', '53', true],
  ['5?', '53', true],
  ['5?', '5', false],
  ['?', 'é', true],
  ['*', '', true],
  ['*', 'a.b/c d\ne', true],
  ['a**b', 'axb', true],
  ['10.0.*', '10.0.3.4', true],
  ['10.0.*', '10x0.3.4', false],
  ['{TCP,UDP}', 'UDP', true],
  ['{TCP,UDP}', 'SCTP', false],
  ['{TCP,UDP}*', 'UDPLITE', true],
  ['a{b*,{c,d}e}', 'ade', true],
  ['a{b*,{c,d}e}', 'abcde', true],
  ['a{b*,{c,d}e}', 'ad', false],
  ['{,a}b', 'b', true],
  ['a,b', 'a,b', true],
  ['a}', 'a}', true],
  ['[abc]', 'b', true],
  ['[a-c]x', 'bx', true],
  ['[!x]y', 'ay', true],
  ['[!x]y', 'xy', false],
  ['[!a-c]', 'b', false],
  ['[^a]', '^', true],
  ['[a.]', 'b', false],
  ['a]', 'a]', true],
  ['\\*', '*', true],
  ['\\*', 'a', false],
  ['a+(b|c)$', 'a+(b|c)$', true],
  ['a-b', 'a-b', true],
];

for (const [glob, text, matches] of cases) {
  test(`the glob ${glob} ${matches ? 'matches' : 'does not match'} ${JSON.stringify(text)}`, (t) => {
    t.is(globExpression(glob)?.test(text), matches);
  });
}

test('a glob whose bracket or brace stays open, or whose range runs backwards, is malformed', (t) => {
  for (const glob of ['[a', 'a[', '[]', '[!]', '{a,b', '{{a}', '\\', '[z-a]'])
    t.is(globExpression(glob), undefined, glob);
});
