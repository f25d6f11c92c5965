/** Times on the command line. */

import { duration } from '../core/config/formats.ts';
import { FormatError } from '../core/config/schema.ts';
import { WeirError } from '../core/errors.ts';

/** Milliseconds of an option such as `--for 10s`; throws a WeirError. */
export function timeOf(option: string, text: string): number {
  const usage = (message: string) => {
    return new WeirError('cli/usage', `invalid argument "${text}" for "--${option}" flag: ${message}`, {
      fix: `such as --${option} 30s`,
    });
  };
  try {
    const timeMs = duration(text);
    if (timeMs > 0) return timeMs;
  } catch (error) {
    if (error instanceof FormatError) throw usage(error.message);
    throw error;
  }
  throw usage('must be positive');
}
