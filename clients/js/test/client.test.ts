import { describe, expect, it } from 'vitest';
import { ApiError, Client, UnreachableError } from '../src/index.js';

function serverThat(answer: (request: Request) => Response): { client: Client; requests: Request[] } {
  const requests: Request[] = [];
  const client = new Client('http://server.test/under/path', {
    language: 'zh-CN',
    token: 'secret',
    fetch: async (input, init) => {
      const request = new Request(input as URL, init);
      requests.push(request);
      return answer(request);
    },
  });
  return { client, requests };
}

describe('requests', () => {
  it('stay under the base path and say language and token', async () => {
    const { client, requests } = serverThat(() => Response.json({ task_id: 'a/b', status: 'pending' }, { status: 201 }));
    await client.createTask({ bom_file: 'config/bom_example.json', max_iterations: 20 });
    const request = requests[0]!;
    expect(request.method).toBe('POST');
    expect(request.url).toBe('http://server.test/under/path/api/tasks');
    expect(request.headers.get('accept-language')).toBe('zh-CN');
    expect(request.headers.get('authorization')).toBe('Bearer secret');
    expect(await request.json()).toEqual({ bom_file: 'config/bom_example.json', max_iterations: 20 });
  });

  it('ask for a token each time when it is a function', async () => {
    const shown: (string | null)[] = [];
    const client = new Client('http://server.test', {
      token: () => `token ${shown.length}`,
      fetch: async (input, init) => {
        shown.push(new Request(input as URL, init).headers.get('authorization'));
        return Response.json({});
      },
    });
    await client.health();
    await client.health();
    expect(shown).toEqual(['Bearer token 0', 'Bearer token 1']);
  });

  it('encode ids and names', async () => {
    const { client, requests } = serverThat(() => Response.json({}));
    await client.iteration('../x', 3);
    await client.uploadBom('我的 bom.csv', 'id,name');
    expect(requests.map(({ url }) => url)).toEqual([
      'http://server.test/under/path/api/tasks/..%2Fx/iterations/3',
      'http://server.test/under/path/api/boms?filename=%E6%88%91%E7%9A%84+bom.csv',
    ]);
    expect(await requests[1]!.text()).toBe('id,name');
    expect(client.visualizationUrl('t', 'final_layout_3d.png')).toBe(
      'http://server.test/under/path/api/tasks/t/visualizations/final_layout_3d.png',
    );
  });
});

describe('warnings', () => {
  const warning = { severity: 'warning', code: 'not_evaluated_yet', pointer: '/components/0/heater' };

  it('come with a created task and with a task', async () => {
    const { client } = serverThat(() => Response.json({ task_id: 'a', warnings: [warning] }));
    expect((await client.createTask({ bom_file: 'x' })).warnings).toEqual([warning]);
    expect((await client.getTask('a')).warnings).toEqual([warning]);
  });

  it('may be missing', async () => {
    const { client } = serverThat(() => Response.json({ task_id: 'a' }));
    expect((await client.createTask({ bom_file: 'x' })).warnings).toBeUndefined();
  });
});

describe('refusals', () => {
  it('carry code, problems and request id', async () => {
    const problem = { severity: 'error', code: 'bom.mass_nonpositive', pointer: '/components/0/mass' };
    const { client } = serverThat(() =>
      Response.json({ error: 'BOM验证失败', code: 'bom.invalid', problems: [problem], request_id: 'r1' }, { status: 400 }),
    );
    const error = await client.createTask({ bom_file: 'x' }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 400, message: 'BOM验证失败', code: 'bom.invalid', problems: [problem], requestId: 'r1' });
  });

  it('are understood from a proxy, too', async () => {
    const { client } = serverThat(() => new Response('<html>Bad Gateway</html>', { status: 502 }));
    await expect(client.health()).rejects.toMatchObject({ status: 502, code: 'http.502', problems: [] });
  });

  it('tell an answer that is none from a refusal', async () => {
    const { client } = serverThat(() => new Response('<html>login</html>'));
    await expect(client.health()).rejects.toBeInstanceOf(UnreachableError);
  });

  it('tell that nobody answers', async () => {
    const { client } = serverThat(() => {
      throw new TypeError('fetch failed');
    });
    await expect(client.health()).rejects.toMatchObject({ name: 'UnreachableError', message: 'no answer from http://server.test/under/path/api/health' });
  });
});
