import { describe, expect, it } from 'vitest';
import { Client } from '../src/index.js';

describe('what administrators ask', () => {
  it('goes to the server with the right method and place', async () => {
    const asked: string[] = [];
    const client = new Client('http://server.test/path', {
      fetch: async (input, init) => {
        const request = new Request(input as URL, init);
        asked.push(`${request.method} ${request.url}`);
        return Response.json(request.method === 'DELETE' ? { id: 7, ending: true } : { total: 0 }, { status: 202 });
      },
    });
    expect((await client.listConnections({ limit: 5 })).total).toBe(0);
    await client.listConnections();
    expect(await client.endConnection(7)).toEqual({ id: 7, ending: true });
    await client.listWorkers();
    expect(asked).toEqual([
      'GET http://server.test/path/api/admin/connections?limit=5',
      'GET http://server.test/path/api/admin/connections',
      'DELETE http://server.test/path/api/admin/connections/7',
      'GET http://server.test/path/api/admin/workers',
    ]);
  });
});
