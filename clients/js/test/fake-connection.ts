import type { ConnectionStatus } from '../src/index.js';

/** Records what is sent. */
export class FakeSocket {
  connected = false;
  readonly sent: { name: string; body: Record<string, unknown> }[] = [];
  readonly #handlers = new Map<string, Set<(value: unknown) => void>>();
  on(name: string, handler: (value: unknown) => void): void {
    this.#handlers.set(name, (this.#handlers.get(name) ?? new Set()).add(handler));
  }
  off(name: string, handler: (value: unknown) => void): void {
    this.#handlers.get(name)?.delete(handler);
  }
  emit(name: string, body: Record<string, unknown>): void {
    this.sent.push({ name, body });
  }
  receive(name: string, value: unknown): void {
    for (const handler of [...(this.#handlers.get(name) ?? [])]) handler(value);
  }
}

/** Stands for a {@link Connection}: a test says when it is made or lost and what the server sends. */
export class FakeConnection {
  readonly socket = new FakeSocket();
  #listener: (status: ConnectionStatus) => void = () => {};
  open(): void {}
  hold(): () => void {
    return () => this.socket.emit('unsubscribe', {});
  }
  onStatus(listener: (status: ConnectionStatus) => void): () => void {
    this.#listener = listener;
    listener({ phase: 'connecting', attempt: 0 });
    return () => (this.#listener = () => {});
  }
  become(phase: ConnectionStatus['phase']): void {
    this.socket.connected = phase === 'connected';
    this.#listener({ phase, attempt: 0 });
  }
}
