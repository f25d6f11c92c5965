/**
 * Checks who may import whom, and how long a file may be. The rules are those of docs/architecture.md: components know
 * core and nothing of each other, core knows no component, and the native addon has one door. Run by `npm run check`.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAX_LINES = 250;
const CHECKED_FILES = /\.(ts|mjs|c|h|cc)$/;
const SKIPPED_FOLDERS = new Set(['node_modules', 'build', '.git']);
const COMPONENT = /^(receiver|processors|exporters|extensions)\/[^/]+/;
const EBPF_NETWORK = 'receiver/ebpf_network';
const ADDON_DOOR = 'native/index.ts';

/** What reaches out of the process. A processor reads what core publishes and waits for nothing. */
const INPUT_OUTPUT_MODULES = new Set(
  [
    ...['child_process', 'cluster', 'dgram', 'dns', 'fs', 'http', 'http2', 'https', 'inspector', 'net', 'readline'],
    ...['repl', 'sqlite', 'tls', 'tty', 'worker_threads'],
  ].map((name) => `node:${name}`),
);

export interface Problem {
  readonly path: string;
  /** From 1; 0 where the whole file is meant. */
  readonly line: number;
  readonly message: string;
}

interface Import {
  readonly line: number;
  /** As written: `./table.ts`, `node:fs`, `yaml`. */
  readonly specifier: string;
  /** Path below the root of what a relative specifier names; undefined for packages. */
  readonly target: string | undefined;
}

/** Everything that is wrong with one file; `path` is below the root, with forward slashes. */
export function problemsOf(path: string, text: string): Problem[] {
  const problems: Problem[] = lengthProblems(path, text);
  if (path.endsWith('.ts') && !mayImportAnything(path)) {
    for (const found of importsOf(path, text)) {
      const message = importProblem(path, found);
      if (message !== undefined) problems.push({ path, line: found.line, message });
    }
    problems.push(...addonProblems(path, text));
  }
  return problems;
}

function lengthProblems(path: string, text: string): Problem[] {
  const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
  if (lines <= MAX_LINES || /^\s*(\/\/|\/?\*) long: \S/m.test(text)) return [];
  const message = `${lines} lines, more than ${MAX_LINES}: split it, or give the reason in a comment \`// long: ...\``;
  return [{ path, line: 0, message }];
}

function mayImportAnything(path: string): boolean {
  return path.endsWith('.test.ts') || /^(test|bench|scripts)\//.test(path);
}

function importsOf(path: string, text: string): Import[] {
  const pattern = /^(?:import|export)\b(?:[^'";]*?\bfrom)?\s*['"]([^'"]+)['"]|\bimport\s*\(\s*['"]([^'"]+)['"]/gm;
  return [...text.matchAll(pattern)].map((match) => {
    const specifier = match[1] ?? match[2] ?? '';
    return {
      line: lineAt(text, match.index),
      specifier,
      target: specifier.startsWith('.') ? join(dirname(path), specifier) : undefined,
    };
  });
}

function importProblem(path: string, { specifier, target }: Import): string | undefined {
  if (path.startsWith('processors/') && INPUT_OUTPUT_MODULES.has(specifier.split('/')[0] ?? specifier)) {
    return `a processor does no input or output (${specifier}): let something in core/ publish what it needs`;
  }
  if (target === undefined) return undefined;
  if (/^(test|bench|scripts)\//.test(target)) return `${target} is for tests and tools, the product does without it`;

  const own = COMPONENT.exec(path)?.[0];
  if (own !== undefined) return componentImportProblem(own, target);
  if (COMPONENT.test(target) && path !== 'components.ts') {
    return path.startsWith('core/')
      ? `core imports no component (${target}): take what is needed as an argument`
      : `components are reached through components.ts, not one by one (${target})`;
  }
  if (target === 'components.ts' && !path.startsWith('cli/')) {
    return 'only cli/ imports components.ts; it hands the list of components on';
  }
  if (path.startsWith('native/')) {
    return /^(native|core)\//.test(target) ? undefined : `native/ imports core/ only, not ${target}`;
  }
  if (target.startsWith('native/')) return `only ${EBPF_NETWORK} imports ${ADDON_DOOR}`;
  if (path.startsWith('core/') && !target.startsWith('core/')) return `core/ imports nothing outside core/ (${target})`;
  return undefined;
}

function componentImportProblem(own: string, target: string): string | undefined {
  if (target.startsWith(`${own}/`) || target.startsWith('core/')) return undefined;
  if (COMPONENT.test(target)) {
    return `a component never imports another one (${target}): what two need lives in core/`;
  }
  if (target.startsWith('native/')) {
    return own === EBPF_NETWORK && target === ADDON_DOOR ? undefined : `only ${EBPF_NETWORK} imports ${ADDON_DOOR}`;
  }
  return `a component imports its own folder and core/ only, not ${target}`;
}

function addonProblems(path: string, text: string): Problem[] {
  if (path === ADDON_DOOR) return [];
  const match = /process\.dlopen|\bcreateRequire\b|\.node['"`]/.exec(text);
  if (match === null) return [];
  return [{ path, line: lineAt(text, match.index), message: `only ${ADDON_DOOR} loads native code` }];
}

function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : filesBelow(path);
    return CHECKED_FILES.test(entry.name) ? [path] : [];
  });
}

if (import.meta.main) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const problems = filesBelow(root).flatMap((file) => problemsOf(relative(root, file), readFileSync(file, 'utf8')));
  for (const { path, line, message } of problems) {
    process.stdout.write(`${path}${line === 0 ? '' : `:${line}`}  ${message}\n`);
  }
  process.exitCode = problems.length === 0 ? 0 : 1;
}
