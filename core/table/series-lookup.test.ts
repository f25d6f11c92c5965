import test from 'ava';
import { ABSENT, listDictionary, numbers } from './dictionary.ts';
import { SeriesIndex } from './series-index.ts';
import { seriesLookup } from './series-lookup.ts';

test('finds a series by its attributes, whatever the order of columns, the codes, and the code of absence', (t) => {
  const to = new SeriesIndex([
    { name: 'name', dictionary: listDictionary([undefined, '1']) },
    { name: 'port', dictionary: numbers },
  ]);
  const [named, nameless] = [to.intern([1, 443]), to.intern([0, 443])];
  const from = new SeriesIndex([
    { name: 'port', dictionary: numbers },
    { name: 'name', dictionary: listDictionary(['x', '1']) },
    { name: 'zone', dictionary: listDictionary(['z']) },
  ]);
  const find = seriesLookup(from, to);
  t.is(find(from.intern([443, 1, ABSENT])), named);
  t.is(find(from.intern([443, ABSENT, ABSENT])), nameless);
  t.is(find(from.intern([443, 1, 0])), undefined, 'an attribute that no series has there');
  t.is(find(from.intern([443, 0, ABSENT])), undefined, 'a value that no series has there');
  t.is(find(from.intern([80, 1, ABSENT])), undefined);
});

test('an attribute that the other index has and this one lacks must be absent there', (t) => {
  const to = new SeriesIndex([
    { name: 'port', dictionary: numbers },
    { name: 'zone', dictionary: listDictionary(['z']) },
  ]);
  to.intern([443, 0]);
  const from = new SeriesIndex([{ name: 'port', dictionary: numbers }]);
  const https = from.intern([443]);
  const find = seriesLookup(from, to);
  t.is(find(https), undefined);
  const bare = to.intern([443, ABSENT]);
  t.is(find(https), bare, 'an index may go on growing');
});

test('a number and its text are different values', (t) => {
  const to = new SeriesIndex([{ name: 'a', dictionary: listDictionary(['1', 1]) }]);
  to.intern([0]);
  const from = new SeriesIndex([{ name: 'a', dictionary: numbers }]);
  t.is(seriesLookup(from, to)(from.intern([1])), undefined);
});

test('columns of one dictionary are told apart', (t) => {
  const names = listDictionary(['a', 'b']);
  const swapped = listDictionary(['b', 'a']);
  const columns = (dictionary: typeof names) => [
    { name: 'src', dictionary },
    { name: 'dst', dictionary },
  ];
  const to = new SeriesIndex(columns(names));
  const [there, back] = [to.intern([0, 1]), to.intern([1, 0])];
  const from = new SeriesIndex(columns(swapped));
  const find = seriesLookup(from, to);
  t.deepEqual([find(from.intern([1, 0])), find(from.intern([0, 1]))], [there, back]);
});
