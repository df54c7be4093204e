/** One thing that is wrong with an input, in words for people and a code for programs. */
export interface Problem {
  severity: 'error' | 'warning';
  /** Stable identifier, such as `bom.mass_nonpositive`. */
  code: string;
  /** JSON pointer into the input, such as `/components/3/mass`. */
  pointer: string;
  line?: number;
  column?: number;
  component_id?: string;
  found: string;
  allowed: string;
  /** A change that would mend it. */
  fix?: string;
  message_zh: string;
  message_en: string;
}

/** The server refused a request. Branch on `code`, not on the text. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  readonly problems: Problem[];
  readonly requestId: string | undefined;

  constructor(status: number, body: unknown) {
    const facts = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
    super(typeof facts.error === 'string' && facts.error !== '' ? facts.error : `the server answered ${status}`);
    this.status = status;
    this.code = typeof facts.code === 'string' ? facts.code : `http.${status}`;
    this.problems = Array.isArray(facts.problems) ? (facts.problems as Problem[]) : [];
    this.requestId = typeof facts.request_id === 'string' ? facts.request_id : undefined;
  }
}

/** The server could not be reached, or its answer broke off. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';

  constructor(url: string, options?: ErrorOptions) {
    super(`no answer from ${url}`, options);
  }
}

/** The server refused a subscription, for instance because there is no such task. */
export class StreamError extends Error {
  override readonly name = 'StreamError';
  readonly code: string;
  readonly taskId: string | undefined;

  constructor(message: string, code = 'stream', taskId?: string) {
    super(message);
    this.code = code;
    this.taskId = taskId;
  }
}
