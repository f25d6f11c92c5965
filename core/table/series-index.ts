/**
 * The series of one or more metrics: an append-only list of distinct attribute tuples. Points name a series by its id,
 * so state and encoded bytes are kept per id and found again without hashing. An index is replaced by a new one, never
 * cleared; tables in a queue keep theirs.
 */
