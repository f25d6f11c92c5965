import test from 'ava';
import { resourceOf, scopeOf } from './resource.ts';

test('senders with the same attributes are one object, and others are not', (t) => {
  const attributes = { 'service.name': 'weir', 'host.id': 'a' };
  t.is(resourceOf({ ...attributes }), resourceOf({ ...attributes }));
  t.not(resourceOf({ ...attributes, 'host.id': 'b' }), resourceOf(attributes));
  t.is(scopeOf({ name: 'weir', version: '1' }), scopeOf({ name: 'weir', version: '1' }));
});
