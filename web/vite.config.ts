import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// The page is built from the client's source, so that building it needs this
// package alone; both then share one socket.io-client.
export const alias = {
  '@msgalaxy/client': here('../clients/js/src/index.ts'),
  'socket.io-client': here('node_modules/socket.io-client'),
};

/** Serves the official Socket.IO client under a fixed name: pages of others load it from the server, not from a CDN. */
const socketIoAsset: Plugin = {
  name: 'socket-io-asset',
  apply: 'build',
  generateBundle() {
    const source = readFileSync(here('node_modules/socket.io-client/dist/socket.io.min.js'), 'utf8');
    // Its source map is not served, so the browser need not look for it.
    this.emitFile({ type: 'asset', fileName: 'lib/socket.io.min.js', source: source.replace(/\n?\/\/# sourceMappingURL=.*\s*$/, '\n') });
  },
};

export default defineConfig({
  // Relative addresses: the page works under any path of a proxy.
  base: './',
  resolve: { alias },
  plugins: [socketIoAsset],
  build: {
    target: 'es2022',
    modulePreload: { polyfill: false },
    // Content-Security-Policy default-src 'self' has no data: addresses.
    assetsInlineLimit: 0,
  },
  server: {
    proxy: {
      '/api': 'http://127.0.0.1:5000',
      // Built apart; `npm run build` first.
      '/lib': 'http://127.0.0.1:5000',
      '/socket.io': { target: 'http://127.0.0.1:5000', ws: true },
    },
  },
  test: { environment: 'happy-dom', include: ['test/**/*.test.{ts,tsx}'] },
});
