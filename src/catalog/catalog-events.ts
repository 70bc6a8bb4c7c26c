/** Tells whoever caches parts of the catalogue that it changed. */
export class CatalogEvents {
  readonly #listeners = new Set<() => void>();
  #revision = 1;

  /** Grows with every change, be it by hand or by an import: what was derived from another revision is out of date. */
  get revision(): number {
    return this.#revision;
  }

  /** @returns how to stop listening */
  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The catalogue has changed. */
  changed(): void {
    this.#revision++;
    for (const listener of this.#listeners) listener();
  }
}
