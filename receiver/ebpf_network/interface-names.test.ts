import test from 'ava';
import { InterfaceNames } from './interface-names.ts';

function setUp() {
  let freed = 0;
  const names = new InterfaceNames(() => {
    freed++;
  });
  return { names, freed: () => freed };
}

test('a new name holds at once when no rows are held back', (t) => {
  const { names } = setUp();
  names.set(5, 'veth5');
  names.set(5, 'cali5');
  t.deepEqual([...names.current], [[5, 'cali5']]);
});

test('rows that were collected and are not out keep the name that the ledger showed', (t) => {
  const { names } = setUp();
  names.set(5, 'veth5');
  names.collectBegins();
  names.set(5, 'cali5');
  names.set(6, 'veth6');
  names.collectBegins();
  t.deepEqual(
    [...names.current],
    [
      [5, 'veth5'],
      [6, 'veth6'],
    ],
  );
  names.rowsOut();
  t.is(names.current.get(5), 'cali5');
});

test("a key is another interface's only when the rows of the one before are out", (t) => {
  const { names, freed } = setUp();
  names.set(5, 'veth5');
  t.false(names.isFree(5, 'veth9'));
  names.collectBegins();
  names.release(5);
  names.rowsOut();
  t.false(names.isFree(5, 'veth9'), 'that collect may have begun before the last packet');
  t.is(names.current.get(5), 'veth5');
  t.is(freed(), 0);
  names.collectBegins();
  t.false(names.isFree(5, 'veth9'), 'not out yet');
  names.rowsOut();
  t.is(freed(), 1);
  t.true(names.isFree(5, 'veth9'));
  t.deepEqual([...names.current], []);
});

test('an interface that comes back under its name goes on at once', (t) => {
  const { names, freed } = setUp();
  names.set(5, 'veth5');
  names.release(5);
  t.true(names.isFree(5, 'veth5'));
  names.set(5, 'veth5');
  names.collectBegins();
  names.rowsOut();
  t.is(names.current.get(5), 'veth5');
  t.is(freed(), 0);
});
