/** `weir convert`: a configuration of Beyla or OBI as a collector.yaml, with a word on each option that is otherwise here. */

import { stringify } from 'yaml';
import { loadConfig } from '../core/config/load.ts';
import { readTextFile } from '../core/config/sources.ts';
import { WeirError } from '../core/errors.ts';
import { type Converted, convertBeyla } from './beyla/convert.ts';
import { lineOf } from './beyla/notes.ts';
import { expandVariables, readBeyla } from './beyla/source.ts';
import { build, type Call, type Command } from './command.ts';

export const convert: Command = {
  summary: 'print a configuration of Beyla or OBI as a collector.yaml',
  takesConfig: false,
  operands: {
    value: 'FILE',
    help: `YAML of Beyla 1 to 3, or of OBI in its first version; without one, that of BEYLA_CONFIG_PATH, or the environment
alone. Variables such as BEYLA_NETWORK_CIDRS, OTEL_EBPF_NETWORK_CIDRS or OTEL_EXPORTER_OTLP_ENDPOINT win over it, as in Beyla.
The result is on standard output; what has no effect or another meaning is in its comments and on standard error.`,
  },
  async run(call) {
    const { OTEL_EBPF_CONFIG_PATH, BEYLA_CONFIG_PATH } = call.environment;
    const [path = OTEL_EBPF_CONFIG_PATH || BEYLA_CONFIG_PATH || undefined, ...more] = call.operands;
    if (more.length > 0) {
      throw new WeirError('cli/usage', `expected one file, got ${call.operands.length}`, {
        fix: 'convert one at a time',
      });
    }
    const unset: string[] = [];
    const file = path === undefined ? undefined : { name: path, text: readTextFile(path, path) };
    const expanded = file && {
      ...file,
      text: expandVariables(file.text, call.environment, (name) => unset.push(name)),
    };
    const problems: WeirError[] = [];
    const source = readBeyla(expanded, call.environment, problems);
    if (problems.length > 0) throw new AggregateError(problems);
    const converted = convertBeyla(source);
    const notes = [
      ...unset.map((name) => `${path} names the variable ${name}, which is not set: it is empty`),
      ...converted.notes.map(lineOf),
    ];
    const config = withoutStrictness(converted, call, notes);
    for (const note of notes) call.complain(`${note}\n`);
    const text = textOf(config, path, notes);
    call.print(text);
    loadText(text, call);
  },
};

/** Throws what is wrong with the result: Beyla would have refused or passed over the same value. */
function loadText(text: string, { components, environment }: Call): void {
  loadConfig({ uris: [`yaml:${text}`], environment }, components);
}

/** Beyla passes over attributes that it does not know; then the selection must not be strict either. */
function withoutStrictness({ config }: Converted, call: Call, notes: string[]): Converted['config'] {
  try {
    loadText(stringify(config), call);
  } catch (error) {
    if (!(error instanceof AggregateError)) throw error;
    const unknown = error.errors.filter(
      ({ message, path = '' }) => /^processors::attribute_select::/.test(path) && /: unknown attribute "/.test(message),
    );
    if (unknown.length === 0) return config;
    for (const { message, fix } of unknown) {
      const hint = fix?.startsWith('did you mean') ? `: ${fix}` : '';
      notes.push(`attributes.select ${message.split(': ').slice(1).join(': ')} is passed over (strict: false)${hint}`);
    }
    const processors = config.processors as Record<string, object>;
    return {
      ...config,
      processors: { ...processors, attribute_select: { ...processors.attribute_select, strict: false } },
    };
  }
  return config;
}

function textOf(config: Converted['config'], path: string | undefined, notes: readonly string[]): string {
  const head = [`Converted by ${build.command} ${build.version} from ${path ?? 'the environment'}.`, ...notes];
  const comment = head.map((line) => `# ${line.replaceAll('\n', ' ')}\n`).join('');
  return `${comment}\n${stringify(config, { lineWidth: 0 })}`;
}
