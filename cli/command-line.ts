/** Reads the command line, calls the sub-command, and turns what it throws into text and exit code. */

import { parseArgs } from 'node:util';
import { reportOf, WeirError } from '../core/errors.ts';
import { build, type Command, type Surroundings } from './command.ts';
import { components } from './components.ts';
import { convert } from './convert.ts';
import { explain } from './explain.ts';
import { printConfig } from './print-config.ts';
import { run } from './run.ts';
import { validate } from './validate.ts';

/** The call without a sub-command. */
const defaultCommand = 'run';

const commands: ReadonlyMap<string, Command> = new Map([
  [defaultCommand, run],
  ['validate', validate],
  ['components', components],
  ['print-config', printConfig],
  ['explain', explain],
  ['convert', convert],
]);

const exitCodes = { fine: 0, failed: 1, usage: 2 } as const;

/** Resolves to the exit code. Errors that are no WeirErrors are defects: they are thrown, with their stack. */
export async function callCommand(args: readonly string[], surroundings: Surroundings): Promise<number> {
  try {
    await dispatch(args, surroundings);
    return exitCodes.fine;
  } catch (error) {
    if (!(error instanceof WeirError) && !(error instanceof AggregateError)) throw error;
    surroundings.complain(`${reportOf(error)}\n`);
    return isUsageError(error) ? exitCodes.usage : exitCodes.failed;
  }
}

const isUsageError = (error: unknown): boolean =>
  error instanceof AggregateError
    ? error.errors.some(isUsageError)
    : error instanceof WeirError && error.code === 'cli/usage';

async function dispatch(args: readonly string[], surroundings: Surroundings): Promise<void> {
  const [first] = args;
  const named = first !== undefined && !first.startsWith('-');
  const name = named ? first : defaultCommand;
  const command = commands.get(name);
  if (command === undefined) {
    throw usageError(`unknown command "${name}" for "${build.command}"`, `one of ${[...commands.keys()].join(', ')}`);
  }
  const { values, positionals: operands } = readOptions(args.slice(named ? 1 : 0), command, name);
  const { config, set, help, version, ...options } = values;
  if (help) surroundings.print(named ? commandHelp(name, command) : generalHelp());
  else if (version) surroundings.print(`${build.command} version ${build.version}\n`);
  else await command.run({ ...surroundings, configs: config ?? [], sets: set ?? [], options, operands });
}

const usageError = (message: string, fix: string) => new WeirError('cli/usage', message, { fix });

const configOptions = { config: { type: 'string', multiple: true }, set: { type: 'string', multiple: true } } as const;
const commonOptions = { help: { type: 'boolean', short: 'h' }, version: { type: 'boolean', short: 'v' } } as const;

function readOptions(args: string[], command: Command, name: string) {
  try {
    const own = Object.keys(command.options ?? {}).map((option) => [option, { type: 'string' }] as const);
    const options = { ...Object.fromEntries(own), ...configOptions, ...commonOptions };
    const allowPositionals = command.operands !== undefined;
    const { values, positionals } = parseArgs({ args, options, strict: true, allowPositionals });
    if (!command.takesConfig && (values.config ?? values.set) !== undefined) {
      throw usageError(`${name} takes no configuration`, 'leave out --config and --set');
    }
    return { values, positionals };
  } catch (error) {
    if (error instanceof WeirError || !isArgumentError(error)) throw error;
    throw usageError(error.message, `see ${build.command} --help`);
  }
}

function isArgumentError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS');
}

const configHelp = `  --config FILE   configuration: a file, or a URI with file:, yaml: or env:; repeatable, later ones win
  --set a.b=c     one value over every file; repeatable
`;
const helpHelp = '  -h, --help      this text\n';

function generalHelp(): string {
  const lines = [...commands].map(
    ([name, { summary }]) => `  ${build.command} ${(name === defaultCommand ? '' : name).padEnd(14)}${summary}`,
  );
  const version = `  -v, --version   version of this build\n`;
  return `${build.description}\n\nUsage:\n${lines.join('\n')}\n\nOptions:\n${configHelp}${helpHelp}${version}`;
}

function commandHelp(name: string, { summary, takesConfig, options = {}, operands }: Command): string {
  const own = Object.entries(options).map(
    ([option, { value, help }]) => `  ${`--${option} ${value}`.padEnd(16)}${help}\n`,
  );
  const help = `${takesConfig ? configHelp : ''}${own.join('')}${helpHelp}`;
  const usage = operands === undefined ? '' : `\n${operands.value}: ${operands.help}\n`;
  return `${build.command} ${name}: ${summary}\n${usage}\nOptions:\n${help}`;
}
