import test from 'ava';
import { configOf, problemsOf } from '../../test/support/component-config.ts';
import file from './index.ts';

test('each mistake has upstream words', (t) => {
  t.deepEqual(problemsOf(file, {}), ['path: path must be non-empty']);
  t.deepEqual(problemsOf(file, { path: 'x', format: 'xml', compression: 'gzip' }), [
    'format: format type is not supported',
    'compression: compression is not supported',
  ]);
  t.deepEqual(problemsOf(file, { path: 'x', append: true, compression: 'zstd', rotation: null }), [
    'append: append and compression enabled at the same time is not supported',
    'append: append and rotation enabled at the same time is not supported',
  ]);
  t.deepEqual(problemsOf(file, { path: 'x', directory_permissions: '0755' }), [
    'directory_permissions: directory_permissions requires create_directory to be true',
  ]);
  t.deepEqual(problemsOf(file, { path: 'x', create_directory: true, directory_permissions: '0999' }), [
    'directory_permissions: directory_permissions value must be a valid octal representation',
  ]);
  t.deepEqual(problemsOf(file, { path: '*', group_by: { enabled: true } }), [
    'path: path must not start with * when group_by is enabled',
  ]);
  t.deepEqual(problemsOf(file, { path: 'x', group_by: { enabled: true, resource_attribute: '' } }), [
    'path: path must contain exactly one * when group_by is enabled',
    'group_by::resource_attribute: resource_attribute must not be empty when group_by is enabled',
  ]);
  t.deepEqual(problemsOf(file, { path: 'x', rotation: { max_megabyte: 1 } }), [
    'rotation::max_megabyte: has invalid keys: max_megabyte',
  ]);
});

test('rotation without keys has the defaults, and is off when it is not given', (t) => {
  const defaults = { max_megabytes: 100, max_days: 0, max_backups: 100, localtime: false };
  t.deepEqual(configOf(file, { path: 'x', rotation: null }).rotation, defaults);
  t.deepEqual(configOf(file, { path: 'x', rotation: {} }).rotation, defaults);
  t.is(configOf(file, { path: 'x' }).rotation, null);
  t.is(configOf(file, { path: 'x', rotation: false }).rotation, null);
});
