import test from 'ava';
import { LabelTexts, type TextPlaces } from './label-texts.ts';

const textAt = ({ segments, segmentOf, startOf, lengthOf }: TextPlaces, id: number) =>
  segments[segmentOf[id]!]!.toString('utf8', startOf[id], startOf[id]! + lengthOf[id]!);

test('each text has one number, over many segments and whatever its length', (t) => {
  const texts = new LabelTexts();
  const all = [
    '',
    ' ',
    'größe',
    'x'.repeat(3_000_000),
    ...Array.from({ length: 30_000 }, (_, i) => `${i}`.padEnd(i % 400, '.')),
  ];
  const distinct = [...new Set(all)];
  t.deepEqual(
    distinct.map((text) => texts.intern(text)),
    [...distinct.keys()],
  );
  t.deepEqual(
    distinct.map((text) => texts.intern(text)),
    [...distinct.keys()],
  );
  t.is(texts.size, distinct.length);
  t.true(texts.places.segments.length > 3);
  t.deepEqual(
    distinct.map((_, id) => textAt(texts.places, id)),
    distinct,
  );
});

test('texts that differ in their last bytes alone are two', (t) => {
  const texts = new LabelTexts();
  t.deepEqual(
    ['a', 'a\0', 'a\0\0', 'ab', 'b'].map((text) => texts.intern(text)),
    [0, 1, 2, 3, 4],
  );
});

test('places stay valid while texts are appended', (t) => {
  const texts = new LabelTexts();
  texts.intern('first');
  const { places } = texts;
  for (let i = 0; i < 5000; i++) texts.intern(`later ${i}`);
  t.is(textAt(places, 0), 'first');
});

test('another list takes texts over, each once', (t) => {
  const [one, other] = [new LabelTexts(), new LabelTexts()];
  const long = 'y'.repeat(10_000);
  for (const text of ['a', 'b', long]) one.intern(text);
  t.deepEqual(
    [2, 0, 2, 0].map((id) => other.adopt(one, id)),
    [0, 1, 0, 1],
  );
  t.deepEqual([textAt(other.places, 0), textAt(other.places, 1)], [long, 'a']);
  t.is(other.intern('a'), 1);
});
