/** Puts before an error what was being done when it came up; its code and fix stay, and it gets a place in the file. */

import type { Component } from '../component/define.ts';
import type { ComponentInstance } from '../config/types.ts';
import { type ErrorDetails, reportOf, WeirError } from '../errors.ts';

/** Which component an error came from. */
export interface Origin extends Pick<ComponentInstance, 'id' | 'placeOf'> {
  readonly kind: Component['kind'];
}

/** An error without a place of its own has that of the key it names, or else of the component. */
export function inContext(error: unknown, doing: string, { kind, id, placeOf }: Origin): WeirError {
  const message = `${doing} "${id}" ${kind}: ${error instanceof WeirError ? error.message : reportOf(error)}`;
  const component = `${kind}s::${id}`;
  if (!(error instanceof WeirError)) {
    return new WeirError('component/start', message, { place: placeOf([]), path: component, cause: error });
  }
  const { code, path = component, fix } = error;
  const below = path.startsWith(`${component}::`) ? path.slice(component.length + 2).split('::') : [];
  const details: ErrorDetails = { place: error.place ?? placeOf(below), path, cause: error };
  return new WeirError(code, message, fix === undefined ? details : { ...details, fix });
}
