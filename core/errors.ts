/**
 * The one error type of Weir and the list of its codes. A code says what kind of mistake it is, a place says where,
 * a fix says what to do; codes are never used again for another meaning. docs/errors.md is generated from this list.
 */

/** What each code means and what usually mends it; the text of docs/errors.md. */
export const errorCodes = {
  'config/yaml': 'The file is not YAML: mend the syntax at the place given.',
  'config/unknown-key': 'The component or section has no such key: correct the spelling, or move it to where it lives.',
  'config/value': 'The value has the wrong type or is out of range.',
  'config/reference': 'A pipeline or list names a component that is not configured.',
  'config/missing': 'A required section, component or key is absent.',
  'config/component': 'The component type is unknown, or its id is not well formed.',
  'config/order': 'The processors of a pipeline stand in an order that cannot work.',
  'config/source': 'A configuration source (file, environment variable, --set) cannot be read.',
  'cli/usage': 'The command line is wrong; see `weir --help`.',
  'native/addon': 'The native addon is missing or does not load: build it with `npm run build:native`.',
  'native/object': 'The BPF object is missing or unreadable: build it with `npm run build:bpf`.',
  'native/argument': 'A call into the addon had a wrong argument.',
  'kernel/permission': 'The process lacks a capability that the call needs.',
  'kernel/unsupported': 'The kernel is too old, or built without what the call needs.',
  'kernel/program-rejected': 'The verifier refused a program; the full log is in the file named.',
  'kernel/call': 'A system call failed.',
  'kernel/pins':
    '`pin_path` cannot be used: it is not on a bpf file system, cannot be written, or another agent has it.',
  'interface/missing': 'A network interface that the configuration names does not exist.',
  'interface/conflict': 'Two attached interfaces share the lower 16 bits of their index.',
  'pipeline/failed':
    'A processor failed on a table, which is lost in that pipeline: the log names both; please report it.',
  'export/failed': 'An exporter could not deliver and gave up.',
  'otlp/response':
    'The answer of a server to an exporter cannot be read: its status alone says what became of the points.',
  'otlp/malformed': 'A request, or a line of a recorded file, is not OTLP metrics; it is left out and counted.',
  'kubernetes/config':
    'How to reach the Kubernetes API is not configured, or wrong: a service account or a kubeconfig.',
  'kubernetes/permission':
    'The Kubernetes account lacks a permission; the log has the ClusterRole to apply with `kubectl apply -f -`.',
  'component/start': 'A component could not start.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorDetails {
  /** Where: `collector.yaml:14:5`, a component id, a system call. */
  readonly place?: string;
  /** The configuration path, joined by `::`, when there is one. */
  readonly path?: string;
  /** What the user can do about it, as a sentence without a full stop. */
  readonly fix?: string;
  readonly cause?: unknown;
}

export class WeirError extends Error {
  override readonly name = 'WeirError';
  readonly code: ErrorCode;
  readonly place: string | undefined;
  readonly path: string | undefined;
  readonly fix: string | undefined;

  /** `message` is the first line a user reads; where upstream has words for it, upstream's words. */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.place = details.place;
    this.path = details.path;
    this.fix = details.fix;
  }

  /**
   * The message, then an indented line with place, path, fix and code:
   * `  collector.yaml:14:5  processors::cidr::cidr   did you mean 'cidrs'?   [config/unknown-key]`
   */
  report(): string {
    const place = [this.place, this.path].filter((part) => part !== undefined).join('  ');
    const detail = [place, this.fix, `[${this.code}]`].filter((part) => part !== undefined && part !== '').join('   ');
    return `${this.message}\n  ${detail}`;
  }
}

/** The text for any thrown value: a WeirError reports itself, anything else gives its message. */
export function reportOf(error: unknown): string {
  if (error instanceof WeirError) return error.report();
  if (error instanceof AggregateError) return error.errors.map(reportOf).join('\n');
  return error instanceof Error ? error.message : String(error);
}
