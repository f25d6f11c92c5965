import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { components } from '../../components.ts';
import { decodeBlock } from '../config/block.ts';
import { noFindings } from '../config/findings.ts';
import { type AnySchema, isProperty } from '../config/schema.ts';
import { decodeSection, type SectionName } from '../config/sections.ts';
import { parseYaml } from '../config/yaml.ts';
import { reportOf } from '../errors.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createLogger } from '../telemetry/log.ts';
import { createOperations } from '../telemetry/operations.ts';
import { createRegistry } from '../telemetry/registry.ts';
import type { Component, Consumer, Exporter, Host, ServiceView, Settlement } from './define.ts';

const root = dirname(dirname(import.meta.dirname));
const folderOfKind = {
  receiver: 'receiver',
  processor: 'processors',
  exporter: 'exporters',
  extension: 'extensions',
} as const;
const folderOf = ({ kind, type }: Component) => join(root, folderOfKind[kind], type);

test('every folder of a component is in the list, under its own name', (t) => {
  const folders = Object.values(folderOfKind)
    .filter((parent) => existsSync(join(root, parent)))
    .flatMap((parent) => readdirSync(join(root, parent)).map((name) => join(root, parent, name)))
    .filter((folder) => existsSync(join(folder, 'index.ts')));
  t.deepEqual(components.map(folderOf).sort(), folders.sort());
});

for (const component of components) {
  const { kind, type } = component;

  test(`${type}: its name, aliases and texts follow the rules`, (t) => {
    t.regex(type, /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/);
    t.regex(component.description, /^[A-Z].*\.$/);
    t.false(Object.hasOwn(component.aliases ?? {}, type));
    for (const [alias, warning] of Object.entries(component.aliases ?? {})) {
      t.true(warning.includes(alias) || warning.includes(type), `the warning of ${alias} names neither`);
    }
  });

  test(`${type}: every key says what it does`, (t) => {
    checkDocs(t, component.config as AnySchema, []);
  });

  test(`${type}: its defaults are valid, or each complaint says what to do`, (t) => {
    const { config, problems } = decodeBlock<unknown>(component.config, undefined);
    const found = problems.length > 0 ? problems : (component.validate?.(config) ?? []);
    t.deepEqual(
      found.filter(({ path = [], fix = '' }) => path.length === 0 || fix === ''),
      [],
      'a complaint about a default names the key and the fix',
    );
  });

  test(`${type}: the example of its README is valid`, (t) => {
    t.true(exampleConfigs(component, t).length > 0);
  });

  test(`${type}: may be stopped before its start, and twice`, async (t) => {
    const [config] = exampleConfigs(component, t);
    const instance = createInstance(component, config);
    await t.notThrowsAsync(async () => {
      await instance.stop?.();
      await instance.stop?.();
    });
  });

  if (component.kind === 'exporter') {
    test(`${type}: settles what it was given, once, at the latest when it has stopped`, async (t) => {
      const [config] = exampleConfigs(component, t);
      const exporter = createInstance(component, config) as Exporter;
      const settled: Settlement[] = [];
      exporter.export([], (settlement) => settled.push(settlement));
      await exporter.stop?.();
      t.deepEqual(settled, ['delivered']);
    });
  }

  test(`${type}: is of the kind ${kind} and makes what that kind needs`, (t) => {
    const [config] = exampleConfigs(component, t);
    const instance = createInstance(component, config);
    if (kind === 'exporter') t.true('export' in instance && 'hasRoom' in instance && 'onRoom' in instance);
    else if (kind === 'processor') t.true('flows' in instance || 'metrics' in instance);
    else t.is(typeof instance.start, 'function');
  });
}

function checkDocs(t: ExecutionContext, schema: AnySchema, path: readonly string[]): void {
  for (const [key, node] of Object.entries(schema)) {
    const name = [...path, key].join('::');
    t.regex(key, /^[a-z][a-z0-9_]*$/, `${name} is not snake_case`);
    if (isProperty(node)) t.regex(node.doc, /\S.*\.$/s, `${name} has no sentence that says what it does`);
    const below = isProperty(node) ? node.format.block : node;
    if (below !== undefined) checkDocs(t, below, [...path, key]);
  }
}

/** The component's configurations in the YAML of its README, all of which must be valid. */
function exampleConfigs(component: Component, t: ExecutionContext): readonly unknown[] {
  const path = join(folderOf(component), 'README.md');
  const blocks = [...readFileSync(path, 'utf8').matchAll(/^```yaml\n(.*?)^```/gms)].map(([, text = '']) => text);
  const section: SectionName = `${component.kind}s`;
  return blocks.flatMap((text) => {
    const findings = noFindings();
    const tree = parseYaml(text, (line, column) => `${path}:${line}:${column}`, findings.problems);
    const node = tree.kind === 'map' ? tree.entries.get(section) : undefined;
    const { instances } = decodeSection(section, node, components, findings);
    t.deepEqual(findings.problems.map(reportOf), []);
    return instances.filter(({ type }) => type === component.type).map(({ config }) => config);
  });
}

function createInstance(component: Component, config: unknown) {
  const host: Host = {
    id: component.type,
    logger: createLogger({ write: () => undefined }),
    metrics: createRegistry(),
    clock: systemClock,
    build: { command: 'weir', version: '0.0.0' },
  };
  const consumer: Consumer = {
    hasRoom: () => false,
    waitForRoom: () => new Promise(() => undefined),
    consume: () => undefined,
    passOn: () => undefined,
    release: () => undefined,
  };
  const service: ServiceView = { pipelines: [], extensions: [], operations: createOperations(systemClock) };
  switch (component.kind) {
    case 'receiver':
      return component.create(config, host, consumer);
    case 'extension':
      return component.create(config, host, service);
    default:
      return component.create(config, host);
  }
}
