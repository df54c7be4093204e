import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, vi } from 'vitest';
import { Connection } from '../src/index.js';

it('tries again at once when a WebSocket closes before its handshake', async () => {
  const server = createServer();
  let opened = 0;
  const twice = new Promise<void>((resolve) => {
    server.on('upgrade', (request, socket) => {
      socket.on('error', () => {});
      const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      socket.end(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
      opened += 1;
      if (opened === 3) resolve();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // The library alone would wait for this timeout, and this test for its own.
  const socket = { transports: ['websocket'], timeout: 600_000, reconnectionDelay: 10 };
  const connection = new Connection(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, { socket });
  connection.open();
  await twice;
  connection.close();
  server.close();
  expect(connection.status.phase).toBe('closed');
});

/** What the connect packet carries. */
function credentials(connection: Connection): Promise<object> {
  return new Promise((resolve) => (connection.socket.auth as (send: (auth: object) => void) => void)(resolve));
}

it('shows a fresh token at every connection and when the old one is about to end', async () => {
  let made = 0;
  const connection = new Connection('http://server.test', { token: async () => `token ${(made += 1)}` });
  expect(await credentials(connection)).toEqual({ token: 'token 1' });
  expect(await credentials(connection)).toEqual({ token: 'token 2' });
  Object.defineProperty(connection.socket, 'connected', { value: true });
  const sent = vi.spyOn(connection.socket, 'emit').mockReturnValue(connection.socket);
  const [heard] = connection.socket.listeners('error') as [(refusal: object) => void];
  heard({ code: 'task_not_found' });
  heard({ code: 'token_expiring' });
  await vi.waitFor(() => expect(sent).toHaveBeenCalled());
  expect(sent.mock.calls).toEqual([['auth_refresh', { token: 'token 3' }]]);
});

it('lets the server say why when there is no token to be had, and renews none that is fixed', async () => {
  const broken = new Connection('http://server.test', { token: () => Promise.reject(new Error('signed out')) });
  expect(await credentials(broken)).toEqual({});
  const fixed = new Connection('http://server.test', { token: 'msg_x' });
  expect(await credentials(fixed)).toEqual({ token: 'msg_x' });
  Object.defineProperty(fixed.socket, 'connected', { value: true });
  const sent = vi.spyOn(fixed.socket, 'emit').mockReturnValue(fixed.socket);
  (fixed.socket.listeners('error')[0] as (refusal: object) => void)({ code: 'token_expiring' });
  await Promise.resolve();
  expect(sent).not.toHaveBeenCalled();
  expect(new Connection('http://server.test').socket.auth).toBeUndefined();
});

it('leaves when the server is about to end, and stays away for as long as it wants', () => {
  vi.useFakeTimers();
  try {
    const connection = new Connection('http://server.test');
    const { socket } = connection;
    const [heard] = socket.listeners('server_draining') as [(notice?: object) => void];
    const [left] = socket.listeners('disconnect') as [(reason: string) => void];
    const leave = vi.spyOn(socket, 'disconnect').mockImplementation(() => {
      left('io client disconnect');
      return socket;
    });
    const connect = vi.spyOn(socket, 'connect').mockReturnValue(socket);
    for (const nothing of [undefined, {}, { retry_ms: 'soon' }, { retry_ms: -1 }, { retry_ms: Number.NaN }]) heard(nothing);
    expect(leave).not.toHaveBeenCalled();

    heard({ message: 'The server is about to end', retry_ms: 4000 });
    expect(connection.status).toEqual({ phase: 'reconnecting', attempt: 0, reason: 'server draining' });
    vi.advanceTimersByTime(3999);
    expect(connect).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1001);
    expect(connect).toHaveBeenCalledTimes(1);

    // Nobody is kept away for good, and another end is none of this kind.
    heard({ retry_ms: 1e12 });
    vi.advanceTimersByTime(75_000);
    expect(connect).toHaveBeenCalledTimes(2);
    left('io server disconnect');
    expect(connection.status.reason).toBe('io server disconnect');
    vi.advanceTimersByTime(1000);
    expect(connect).toHaveBeenCalledTimes(3);

    heard({ retry_ms: 1000 });
    connection.close();
    vi.advanceTimersByTime(75_000);
    expect(connect).toHaveBeenCalledTimes(3);
  } finally {
    vi.useRealTimers();
  }
});
