import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { StreamError } from './errors.js';

/** Whether updates can arrive right now. */
export type ConnectionPhase = 'connecting' | 'connected' | 'reconnecting' | 'refused' | 'closed';

/** How the connection stands. */
export interface ConnectionStatus {
  phase: ConnectionPhase;
  /** Tries since the connection was lost; 0 while connected. */
  attempt: number;
  /** `websocket` or `polling` while connected. */
  transport?: string;
  /** Why the last try did not succeed. */
  reason?: string;
}

/** An access key, a JWT or the token of a share link; a function is asked for a fresh one whenever one is needed. */
export type Token = string | (() => string | Promise<string>);

/** Settings of a connection. */
export interface ConnectionOptions {
  /** For a server that asks for one. A function keeps the connection up beyond the end of a token. */
  token?: Token;
  /** Anything else that socket.io-client understands. */
  socket?: Partial<ManagerOptions & SocketOptions>;
}

/** Pause before a server that hung up or refused is tried again. */
const RETRY_MS = 1000;

/** The longest pause that a server may ask for. */
const LONGEST_PAUSE_MS = 60_000;

/**
 * The one socket under all streams of a client. It opens with the first stream
 * and tries again for ever, also when the server ended it.
 */
export class Connection {
  readonly socket: Socket;
  #status: ConnectionStatus = { phase: 'connecting', attempt: 0 };
  readonly #listeners = new Set<(status: ConnectionStatus) => void>();
  readonly #held = new Map<string, { streams: number; options: string }>();
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Asked for by a server that was about to end. */
  #pauseMs: number | undefined;
  readonly #token: Token | undefined;

  constructor(baseUrl: string, options: ConnectionOptions = {}) {
    this.#token = options.token;
    const base = new URL(baseUrl);
    this.socket = io(`${base.origin}/tasks`, {
      path: `${base.pathname.replace(/\/$/, '')}/socket.io/`,
      // WebSocket at once where it works; polling where a proxy blocks it.
      transports: ['websocket', 'polling'],
      tryAllTransports: true,
      reconnectionDelay: 300,
      reconnectionDelayMax: 5000,
      autoConnect: false,
      ...(options.token === undefined ? {} : { auth: (send: (auth: object) => void) => void this.#authenticate(send) }),
      ...options.socket,
    });
    this.#listen();
  }

  /** How it stands now. */
  get status(): ConnectionStatus {
    return this.#status;
  }

  /** Opens the socket if it is not open. */
  open(): void {
    if (this.#status.phase === 'closed') this.#become({ phase: 'connecting', attempt: 0 });
    if (!this.socket.active) this.#connect();
  }

  /** Closes the socket and tries no more. */
  close(): void {
    clearTimeout(this.#retry);
    this.#become({ phase: 'closed', attempt: 0 });
    this.socket.disconnect();
  }

  /** Calls back at once and at every change. Returns the function that stops it. */
  onStatus(listener: (status: ConnectionStatus) => void): () => void {
    this.#listeners.add(listener);
    listener(this.#status);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Counts a stream of the task; the returned function gives it back, and the last one unsubscribes.
   * A socket has one subscription of a task, so its streams must agree on the options.
   */
  hold(taskId: string, options: object): () => void {
    const held = this.#held.get(taskId) ?? { streams: 0, options: JSON.stringify(options) };
    if (held.options !== JSON.stringify(options)) {
      throw new StreamError(`another stream of this client follows the task with ${held.options}; use a second client`, 'options', taskId);
    }
    held.streams += 1;
    this.#held.set(taskId, held);
    return () => {
      held.streams -= 1;
      if (held.streams > 0) return;
      this.#held.delete(taskId);
      if (this.socket.connected) this.socket.emit('unsubscribe', { task_id: taskId });
    };
  }

  #listen(): void {
    const { socket } = this;
    socket.on('connect', () => {
      this.#become({ phase: 'connected', attempt: 0, transport: socket.io.engine.transport.name });
      socket.io.engine.once('upgrade', (transport: { name: string }) => {
        if (this.#status.phase === 'connected') this.#become({ ...this.#status, transport: transport.name });
      });
    });
    socket.on('error', (refusal?: { code?: string }) => {
      if (refusal?.code === 'token_expiring') void this.#renew();
    });
    socket.on('server_draining', (notice?: { retry_ms?: unknown }) => this.#leave(notice?.retry_ms));
    // Told just before the manager makes the engine of the next try.
    socket.io.on('reconnect_attempt', () => queueMicrotask(() => this.#noticeEarlyClose()));
    socket.on('disconnect', (reason) => {
      if (this.#status.phase === 'closed') return;
      this.#become({ phase: 'reconnecting', attempt: 0, reason: this.#pauseMs === undefined ? reason : 'server draining' });
      // socket.io-client does not come back by itself when the server hung up.
      if (!socket.active) this.#connectLater();
    });
    socket.on('connect_error', (error) => {
      if (this.#status.phase === 'closed') return;
      // Not active: the server was reached and said no (namespace, token).
      const phase = socket.active ? (this.#status.phase === 'connecting' ? 'connecting' : 'reconnecting') : 'refused';
      this.#become({ phase, attempt: this.#status.attempt + 1, reason: error.message });
      if (!socket.active) this.#connectLater();
    });
  }

  /** Without a token the server says why it refuses. */
  async #authenticate(send: (auth: object) => void): Promise<void> {
    try {
      send({ token: await readToken(this.#token) });
    } catch {
      send({});
    }
  }

  /** The token is about to end; the one who gave it may have a new one. */
  async #renew(): Promise<void> {
    if (typeof this.#token !== 'function') return;
    try {
      const token = await readToken(this.#token);
      if (this.socket.connected) this.socket.emit('auth_refresh', { token });
    } catch {
      // The connection ends then, and the next one asks again.
    }
  }

  /** The server is about to end; in so many milliseconds another may be there. */
  #leave(retryMs: unknown): void {
    if (typeof retryMs !== 'number' || !(retryMs > 0)) return;
    // A little more for some than for others: not all clients at once.
    this.#pauseMs = Math.min(retryMs, LONGEST_PAUSE_MS) * (1 + Math.random() / 4);
    // Else the library would come back when it likes.
    this.socket.disconnect();
  }

  #connect(): void {
    this.socket.connect();
    this.#noticeEarlyClose();
  }

  /**
   * A connection that closes before its handshake is no error to socket.io-client: it would wait for its
   * timeout, 20 seconds. Here it is one, and the next try follows.
   */
  #noticeEarlyClose(): void {
    const { engine } = this.socket.io;
    if (!engine) return;
    let opened = false;
    engine.once('open', () => (opened = true));
    engine.once('close', (reason: string) => {
      if (!opened) (engine as unknown as { emit(name: string, error: Error): void }).emit('error', new Error(reason));
    });
  }

  #connectLater(): void {
    clearTimeout(this.#retry);
    const pauseMs = this.#pauseMs ?? RETRY_MS;
    this.#pauseMs = undefined;
    this.#retry = setTimeout(() => {
      if (this.#status.phase !== 'closed') this.#connect();
    }, pauseMs);
  }

  #become(status: ConnectionStatus): void {
    this.#status = status;
    for (const listener of [...this.#listeners]) listener(status);
  }
}

/** The token as of now. */
export async function readToken(token: Token | undefined): Promise<string | undefined> {
  return typeof token === 'function' ? token() : token;
}
