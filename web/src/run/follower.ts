import type { DesignState, LiveLayout } from '@msgalaxy/client';
import { signal } from '@preact/signals';
import { type LayoutState, layoutOf } from './layout';

/** Layouts that are kept of either kind, so that going back and forth asks the server once. */
const KEPT = 64;
/** Milliseconds between two requests while iterations come faster than they can be looked at. */
const PAUSE_MS = 200;

/**
 * Brings the layout of the wanted iteration. One that events have told is there at once. Others are asked for: one
 * request at a time, and always for the newest wish, so that a fast run costs a few requests a second.
 */
export class LayoutFollower {
  readonly state = signal<LayoutState | null>(null);
  /** Iteration whose layout could not be loaded; null when all is well. */
  readonly failed = signal<number | null>(null);
  #wanted: number | null = null;
  #busy = false;
  #closed = false;
  readonly #told = new Map<number, LiveLayout>();
  readonly #read = new Map<number, DesignState>();
  /** The newest one that was read: what no event tells of the components is taken from it. */
  #fixed: DesignState | null = null;
  readonly #fetch: (iteration: number) => Promise<DesignState>;

  constructor(fetch: (iteration: number) => Promise<DesignState>) {
    this.#fetch = fetch;
  }

  /** Takes what an event tells; the start, which is iteration 0, is shown while nothing else is wanted. */
  tell(iteration: number, layout: LiveLayout): void {
    keep(this.#told, iteration, layout);
    if (iteration === this.#wanted || (this.#wanted === null && this.state.peek() === null)) this.#show(iteration);
  }

  /** Wants the layout of this iteration; 0 is the start, null wants nothing. */
  want(iteration: number | null): void {
    this.#wanted = iteration;
    if (iteration !== null) this.#show(iteration);
    void this.#run();
  }

  close(): void {
    this.#closed = true;
  }

  async #run(): Promise<void> {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    try {
      while (!this.#closed && this.#wanted !== null && !this.#isComplete(this.#wanted)) {
        const wanted = this.#wanted;
        try {
          const state = await this.#fetch(wanted);
          // The answer counts as the wanted one whatever number it carries.
          this.#fixed = { ...state, iteration: wanted };
          keep(this.#read, wanted, this.#fixed);
          // What is wanted by now may be here already; if not, this one is nearer to it than what stands there.
          if (!this.#show(this.#wanted)) this.#show(wanted);
        } catch {
          if (wanted === this.#wanted) {
            if (!this.#told.has(wanted)) this.failed.value = wanted;
            return;
          }
        }
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
    } finally {
      this.#busy = false;
    }
  }

  /** Whether there is nothing more to ask for. */
  #isComplete(iteration: number): boolean {
    return this.#read.has(iteration) || (this.#told.has(iteration) && this.#fixed !== null);
  }

  /** Shows what there is of an iteration; false when there is nothing. */
  #show(iteration: number | null): boolean {
    if (iteration === null) return false;
    const told = this.#told.get(iteration);
    const state = this.#read.get(iteration) ?? (told && layoutOf(iteration, told, this.#fixed));
    if (!state) return false;
    this.failed.value = null;
    this.state.value = state;
    return true;
  }
}

function keep<Layout>(kept: Map<number, Layout>, iteration: number, layout: Layout): void {
  if (kept.size >= KEPT) kept.delete(kept.keys().next().value as number);
  kept.set(iteration, layout);
}
