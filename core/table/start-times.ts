/** The start times of the series of one metric, as codes: they are few, and a table names them by position. */

export class StartTimes {
  #times: bigint[] = [];
  readonly #codes = new Map<bigint, number>();

  code(startNs: bigint): number {
    let code = this.#codes.get(startNs);
    if (code === undefined) {
      code = this.#times.push(startNs) - 1;
      this.#codes.set(startNs, code);
    }
    return code;
  }

  /** What codes stand for now, for a table to keep. */
  list(): readonly bigint[] {
    return this.#times.slice();
  }

  /** Drops the times that nobody has any more: `recode` is to give every code in use to the function, for its new one. */
  compact(recode: (codeOf: (code: number) => number) => void): void {
    const old = this.#times;
    this.#times = [];
    this.#codes.clear();
    const codes = new Map<number, number>();
    recode((code) => {
      let recoded = codes.get(code);
      if (recoded === undefined) {
        recoded = this.code(old[code]!);
        codes.set(code, recoded);
      }
      return recoded;
    });
  }
}
