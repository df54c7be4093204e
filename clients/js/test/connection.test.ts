import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
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
