// The real program, and a real browser that looks at it.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

/** Root of the checkout. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** How long a run may take before a test calls it stuck. Not a claim about speed. */
export const RUN_MS = 180_000;

const LISTENING = /^MsGalaxy is listening on (http:\/\/127\.0\.0\.1:(\d+))$/;

function program() {
  const path = process.env.MSGALAXY_BIN ?? join(ROOT, 'target/debug/msgalaxy');
  assert.ok(existsSync(path), `no program at ${path}; build it, or name it in MSGALAXY_BIN`);
  return path;
}

/** A server with a scratch data directory; `restart` comes back on the same port with the same data. */
export class Server {
  #child;
  #port = 0;
  dataDir = mkdtempSync(join(tmpdir(), 'msgalaxy-e2e-'));
  url = '';

  static async start() {
    const server = new Server();
    await server.restart();
    return server;
  }

  async restart() {
    const child = spawn(program(), ['serve', '--listen', `127.0.0.1:${this.#port}`, '--data-dir', this.dataDir], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    let errors = '';
    child.stderr.on('data', (chunk) => (errors = (errors + chunk).slice(-4000)));
    for await (const line of createInterface({ input: child.stdout })) {
      const match = LISTENING.exec(line);
      if (match) {
        this.url = match[1];
        this.#port = Number(match[2]);
        child.stdout.resume();
        return;
      }
    }
    throw new Error(`the server did not start:\n${errors}`);
  }

  /** Ends the process: by SIGKILL it has no time for anything. */
  async end(signal = 'SIGTERM') {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async remove() {
    await this.end('SIGKILL');
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  async api(path, options = {}) {
    const response = await fetch(this.url + path, options);
    return { status: response.status, body: await response.json() };
  }

  /** Creates a task without the page. */
  async create(body) {
    const { status, body: task } = await this.api('/api/tasks', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    });
    assert.equal(status, 201, JSON.stringify(task));
    return task.task_id;
  }
}

/** Chromium without a window. */
export function launch() {
  return chromium.launch({
    executablePath: execFileSync(join(ROOT, 'scripts/chromium'), { encoding: 'utf8' }).trim(),
    args: ['--no-sandbox', '--use-gl=angle', '--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
  });
}

/** A page of its own that remembers what went wrong in it, and whom it asked. */
export async function open(browser, address, { width = 1280, height = 900, locale = 'zh-CN', colorScheme = 'light' } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, locale, colorScheme });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const faults = [];
  const hosts = new Set();
  page.on('pageerror', (error) => faults.push(`error: ${error.message}`));
  page.on('console', (message) => {
    // A failed request is reported by the browser itself; tests that break the connection expect those.
    if (message.type() === 'error' && !/ERR_CONNECTION|WebSocket connection|Failed to load resource/.test(message.text())) {
      faults.push(`console: ${message.text()}`);
    }
  });
  page.on('request', (request) => hosts.add(new URL(request.url()).host));
  page.on('websocket', (socket) => hosts.add(new URL(socket.url()).host));
  if (address) await page.goto(address);
  return { page, faults, hosts, close: () => context.close() };
}

/** Number at the front of `k/N`. */
export async function iteration(page) {
  const text = await page.getByTestId('iteration').textContent();
  return Number(text.split('/')[0]);
}

/** Waits until the run in view has done `k` iterations. */
export async function waitForIteration(page, k) {
  await page.waitForFunction(
    (wanted) => Number(document.querySelector('[data-testid=iteration]')?.textContent.split('/')[0]) >= wanted,
    k,
    { timeout: RUN_MS },
  );
}

/** Waits until the run in view has ended, and tells how. */
export async function waitForEnd(page) {
  await page.getByTestId('verdict').waitFor({ timeout: RUN_MS });
  return page.locator('[data-testid=task-status] [data-status]').getAttribute('data-status');
}

/** Seq of every line of the log, as drawn. */
export function logSeqs(page) {
  return page.locator('[data-testid=log] [data-seq]').evaluateAll((lines) => lines.map((line) => Number(line.dataset.seq)));
}

/** 1, 2, ... n. */
export const upTo = (n) => Array.from({ length: n }, (_, index) => index + 1);

/** The page must not be wider than its window. */
export async function assertNoSidewaysScroll(page, where) {
  const [content, view] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  assert.ok(content <= view, `${where}: the page is ${content} px wide in a window of ${view} px`);
}
