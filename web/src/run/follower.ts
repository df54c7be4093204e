import type { DesignState } from '@msgalaxy/client';
import { signal } from '@preact/signals';

/** Layouts that are kept, so that going back and forth asks the server once. */
const KEPT = 64;
/** Milliseconds between two requests while iterations come faster than they can be looked at. */
const PAUSE_MS = 200;

/**
 * Brings the layout of the wanted iteration: one request at a time, and always
 * for the newest wish, so that a fast run costs a few requests a second.
 */
export class LayoutFollower {
  readonly state = signal<DesignState | null>(null);
  /** Iteration whose layout could not be loaded; null when all is well. */
  readonly failed = signal<number | null>(null);
  #wanted: number | null = null;
  #busy = false;
  #closed = false;
  readonly #kept = new Map<number, DesignState>();
  readonly #fetch: (iteration: number) => Promise<DesignState>;

  constructor(fetch: (iteration: number) => Promise<DesignState>) {
    this.#fetch = fetch;
  }

  /** Wants the layout of this iteration; 0 is the start, null wants nothing. */
  want(iteration: number | null): void {
    this.#wanted = iteration;
    void this.#run();
  }

  close(): void {
    this.#closed = true;
  }

  async #run(): Promise<void> {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    try {
      while (!this.#closed && this.#wanted !== null && this.#wanted !== this.state.peek()?.iteration) {
        const wanted = this.#wanted;
        const known = this.#kept.get(wanted);
        if (known) {
          this.#show(known);
          continue;
        }
        try {
          const state = await this.#fetch(wanted);
          // The answer counts as the wanted one whatever number it carries.
          this.#keep(wanted, { ...state, iteration: wanted });
        } catch {
          if (wanted === this.#wanted) {
            this.failed.value = wanted;
            return;
          }
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    } finally {
      this.#busy = false;
    }
  }

  #keep(iteration: number, state: DesignState): void {
    if (this.#kept.size >= KEPT) this.#kept.delete(this.#kept.keys().next().value as number);
    this.#kept.set(iteration, state);
    this.#show(state);
  }

  #show(state: DesignState): void {
    this.failed.value = null;
    this.state.value = state;
  }
}
