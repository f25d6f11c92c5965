/**
 * Codes and the values they stand for. Tables hold codes in typed arrays; a dictionary gives each code its value.
 * A code keeps its value for as long as the dictionary object lives, so results may be cached by (dictionary, code).
 */

export type AttributeValue = string | number | boolean;

export type CodeArray = Uint8Array | Uint16Array | Uint32Array;

/** The code of a row that does not have the attribute: it is left out of what is sent, never empty. */
export const ABSENT = 0xffffffff;

export interface Dictionary {
  /** The value of a code; undefined for ABSENT and for codes never given out. */
  at(code: number): AttributeValue | undefined;
  /** Whether what the value of a code names exists now; absent: nobody knows. */
  exists?(code: number): boolean;
}

/** Numbers that are their own code, such as ports. */
export const numbers: Dictionary = {
  at: (code) => (code === ABSENT ? undefined : code),
};

/** A fixed list: code i is values[i]; an undefined entry is absent. */
export function listDictionary(values: readonly (AttributeValue | undefined)[]): Dictionary {
  return { at: (code) => values[code] };
}

/** One attribute over the rows of a table. */
export interface AttributeColumn {
  /** Name in the catalogue, such as `src.zone`. */
  readonly attribute: string;
  /** One code a row. */
  readonly rows: CodeArray;
  /**
   * When present, `rows` holds codes of endpoints and this array maps an endpoint's code to the attribute's code;
   * so src.zone and dst.zone share one array.
   */
  readonly through?: CodeArray;
  readonly dictionary: Dictionary;
}

/** A column whose rows are computed when they are first read: what nobody selects costs nothing. */
export function lazyColumn(column: Omit<AttributeColumn, 'rows'>, compute: () => CodeArray): AttributeColumn {
  let codes: CodeArray | undefined;
  return {
    ...column,
    get rows() {
      codes ??= compute();
      return codes;
    },
  };
}
