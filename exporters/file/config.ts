/** The keys of `file`, which are upstream's, and what is wrong with them, in upstream's words. */

import type { ConfigProblem } from '../../core/component/define.ts';
import { decodeBlock } from '../../core/config/block.ts';
import { boolean, duration, nonNegativeInteger, positiveInteger, text } from '../../core/config/formats.ts';
import { type ConfigSchema, type Format, FormatError } from '../../core/config/schema.ts';
import { treeOf } from '../../core/config/tree.ts';
import { type SendingConfig, sendingProblems, sendingSchema } from '../../core/queue/schema.ts';

export interface RotationConfig {
  readonly max_megabytes: number;
  /** 0: whatever their age. */
  readonly max_days: number;
  /** 0: however many. */
  readonly max_backups: number;
  readonly localtime: boolean;
}

export interface FileConfig extends Pick<SendingConfig, 'retry_on_failure' | 'sending_queue'> {
  readonly path: string;
  readonly format: string;
  readonly compression: string;
  readonly append: boolean;
  /** Null: one file that grows. */
  readonly rotation: RotationConfig | null;
  /** Milliseconds; decides nothing. */
  readonly flush_interval: number;
  readonly create_directory: boolean;
  /** Octal; empty: 0755. */
  readonly directory_permissions: string;
  readonly group_by: {
    readonly enabled: boolean;
    readonly resource_attribute: string;
    readonly max_open_files: number;
  };
}

const rotationSchema: ConfigSchema<RotationConfig> = {
  max_megabytes: { format: positiveInteger, default: 100, doc: 'Size at which the file is put aside.' },
  max_days: { format: nonNegativeInteger, default: 0, doc: 'Age at which old files are deleted; 0 for never.' },
  max_backups: { format: nonNegativeInteger, default: 100, doc: 'Old files that are kept; 0 for all.' },
  localtime: { format: boolean, default: false, doc: 'Their names have local time, not UTC.' },
};

const rotation: Format<RotationConfig | null> = Object.assign(
  (value: unknown, node = treeOf(value, '')): RotationConfig | null => {
    if (value === false) return null;
    const { config, problems } = decodeBlock(rotationSchema, node);
    if (problems.length > 0) throw new FormatError(...problems);
    return config;
  },
  { takesNull: true as const, print: (config: RotationConfig | null) => config ?? false },
);

const { retry_on_failure, sending_queue } = sendingSchema('0s');

export const schema: ConfigSchema<FileConfig> = {
  path: { format: text, default: '', doc: 'Required: the file, relative to the working directory.' },
  format: {
    format: text,
    default: 'json',
    doc: 'How requests are written: `json`, one in a line, or `proto`, each behind its length.',
  },
  compression: { format: text, default: '', doc: '`zstd` compresses each request for itself; empty: none.' },
  append: { format: boolean, default: false, doc: 'Keep what the file holds at the start.' },
  rotation: {
    format: rotation,
    default: false,
    doc: '`{max_megabytes: 100, max_days: 0, max_backups: 100, localtime: false}`: at that size the file is put aside under a name with the time, and old ones are deleted by age and number. `false`: one file that grows.',
  },
  flush_interval: {
    format: duration,
    default: '1s',
    doc: 'Accepted from upstream, decides nothing: each request is written at once.',
  },
  create_directory: { format: boolean, default: false, doc: "Make the file's directory if there is none." },
  directory_permissions: { format: text, default: '', doc: 'Of that directory, octal; empty: `0755`.' },
  group_by: {
    enabled: { format: boolean, default: false, doc: 'Write a file for each value of a resource attribute.' },
    resource_attribute: {
      format: text,
      default: 'fileexporter.path_segment',
      doc: 'Its value stands in the place of the `*` in `path`; `unknown` where a resource lacks it.',
    },
    max_open_files: { format: positiveInteger, default: 100, doc: 'More files than this are closed in between.' },
  },
  retry_on_failure,
  sending_queue,
};

/** Keys of upstream that this build does not have. */
export const elsewhere = { encoding: 'encoding extensions, which this build does not have: use `format`' };

export function problemsOf(config: FileConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const refuse = (path: string, message: string, fix: string) =>
    problems.push({ path: path.split('::'), message, fix });
  if (config.path === '') refuse('path', 'path must be non-empty', 'write a file, such as ./flows.jsonl');
  if (!['json', 'proto'].includes(config.format)) {
    refuse('format', 'format type is not supported', 'write json or proto');
  }
  if (!['', 'zstd'].includes(config.compression)) {
    refuse('compression', 'compression is not supported', 'write zstd, or remove it');
  }
  for (const key of ['compression', 'rotation'] as const) {
    if (!config.append || !config[key]) continue;
    refuse('append', `append and ${key} enabled at the same time is not supported`, `remove append or ${key}`);
  }
  problems.push(...directoryProblems(config), ...groupProblems(config));
  return [...problems, ...sendingProblems({ ...config, timeout: 0 })];
}

function directoryProblems({ create_directory, directory_permissions: octal }: FileConfig): readonly ConfigProblem[] {
  const path = ['directory_permissions'];
  if (octal === '') return [];
  if (!create_directory) {
    const message = 'directory_permissions requires create_directory to be true';
    return [{ path, message, fix: 'set create_directory: true' }];
  }
  const fix = 'write three octal digits in quotes, such as "0750"';
  if (!/^[0-7]+$/.test(octal)) {
    return [{ path, message: 'directory_permissions value must be a valid octal representation', fix }];
  }
  if (Number.parseInt(octal, 8) <= 0o777) return [];
  return [{ path, message: 'directory_permissions contain invalid bits for file access', fix }];
}

function groupProblems({ path, rotation, group_by }: FileConfig): readonly ConfigProblem[] {
  if (!group_by.enabled) return [];
  const problems: ConfigProblem[] = [];
  const fix = 'such as ./flows/*.jsonl';
  if (path.split('*').length !== 2) {
    problems.push({ path: ['path'], message: 'path must contain exactly one * when group_by is enabled', fix });
  } else if (path.startsWith('*')) {
    problems.push({ path: ['path'], message: 'path must not start with * when group_by is enabled', fix });
  }
  if (group_by.resource_attribute === '') {
    const message = 'resource_attribute must not be empty when group_by is enabled';
    problems.push({ path: ['group_by', 'resource_attribute'], message, fix: 'name an attribute, such as host.name' });
  }
  if (rotation !== null) {
    const message = 'group_by and rotation enabled at the same time is not supported';
    problems.push({ path: ['rotation'], message, fix: 'remove rotation' });
  }
  return problems;
}
