/** What the conversion has to say about an option: on standard error, and as comments above the result. */

import type { Found } from './source.ts';

export interface Note {
  readonly place: string;
  readonly option: string;
  readonly text: string;
}

export interface Notes {
  /** The option is left out. */
  noEffect(found: Pick<Found, 'place' | 'option'>, reason: string): void;
  /** The option is there, and does something else or more. */
  otherMeaning(found: Pick<Found, 'place' | 'option'>, text: string): void;
  /** Nobody knows it. */
  unknown(found: Pick<Found, 'place' | 'option'>, suggestion: string): void;
  /** About a default of Beyla that nobody set, or about the result. */
  remark(option: string, text: string): void;
  all(): readonly Note[];
}

export function createNotes(): Notes {
  const notes: Note[] = [];
  const add = ({ place, option }: Pick<Found, 'place' | 'option'>, text: string) =>
    void notes.push({ place, option, text });
  return {
    noEffect: (found, reason) => add(found, `has no effect: ${reason}`),
    otherMeaning: (found, text) => add(found, `has another meaning: ${text}`),
    unknown: (found, suggestion) => add(found, `is unknown: ${suggestion}`),
    remark: (option, text) => add({ place: '', option }, text),
    all: () => notes,
  };
}

/** `beyla.yml:3:5  network.sampling has another meaning: ...` */
export const lineOf = ({ place, option, text }: Note): string =>
  [place === '' ? [] : `${place} `, `${option} ${text}`].flat().join(' ');
