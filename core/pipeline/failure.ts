/** Puts before an error what was being done when it came up; its code, place and fix stay. */

import { type ErrorDetails, reportOf, WeirError } from '../errors.ts';

/** `defaults` fill in what the error does not say itself. */
export function inContext(error: unknown, doing: string, defaults: ErrorDetails = {}): WeirError {
  if (!(error instanceof WeirError)) {
    return new WeirError('component/start', `${doing}: ${reportOf(error)}`, { ...defaults, cause: error });
  }
  const { code, message, place, path, fix } = error;
  const own = Object.fromEntries(Object.entries({ place, path, fix }).filter(([, value]) => value !== undefined));
  return new WeirError(code, `${doing}: ${message}`, { ...defaults, ...own, cause: error });
}
