/**
 * Which name the rows of an interface carry. A key is the lower 16 bits of an index, so it may pass to another
 * interface: it keeps its name until the last rows of the one before are out.
 */

export class InterfaceNames {
  /** By key; to be read again for every table. */
  readonly current: ReadonlyMap<number, string>;
  readonly #current = new Map<number, string>();
  /** New names of interfaces that have rows which were collected and are not out. */
  readonly #due = new Map<number, string>();
  /** Keys of interfaces that are gone, with the number of collects that had begun when nothing counted there any more. */
  readonly #gone = new Map<number, number>();
  readonly #onFree: () => void;
  #collects = 0;
  #heldBack = false;

  /** `onFree` is called when a key became free for another interface. */
  constructor(onFree: () => void) {
    this.#onFree = onFree;
    this.current = this.#current;
  }

  /** True when no rows of another interface are in the way. */
  isFree(key: number, name: string): boolean {
    const current = this.#current.get(key);
    return current === undefined || current === name;
  }

  /** From now on; rows that are held back leave under the name that the ledger has shown them by. */
  set(key: number, name: string): void {
    this.#gone.delete(key);
    const renamed = this.#current.has(key);
    if (renamed && this.#heldBack) this.#due.set(key, name);
    else this.#current.set(key, name);
  }

  /** Nothing counts into the rows of this interface any more. */
  release(key: number): void {
    this.#due.delete(key);
    this.#gone.set(key, this.#collects);
  }

  collectBegins(): void {
    this.#collects++;
    this.#heldBack = true;
  }

  /** All rows of the last collect were handed over. */
  rowsOut(): void {
    this.#heldBack = false;
    for (const [key, name] of this.#due) this.#current.set(key, name);
    this.#due.clear();
    let freed = false;
    for (const [key, collects] of this.#gone) {
      if (this.#collects <= collects) continue;
      this.#gone.delete(key);
      this.#current.delete(key);
      freed = true;
    }
    if (freed) this.#onFree();
  }
}
