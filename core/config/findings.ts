/** What the stages of loading find: problems are gathered and thrown together, warnings are logged at start. */

import type { WeirError } from '../errors.ts';

export interface Findings {
  readonly problems: WeirError[];
  readonly warnings: string[];
}

export const noFindings = (): Findings => ({ problems: [], warnings: [] });

/** Throws one AggregateError that holds every problem, also when there is only one. */
export function throwProblems({ problems }: Findings): void {
  if (problems.length === 0) return;
  throw new AggregateError(problems, `invalid configuration: ${problems.map(({ message }) => message).join('\n')}`);
}
