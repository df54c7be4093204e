import { defineConfig } from 'vite';
import { alias } from './vite.config.ts';

// The client library as one file, for pages without a build step: an ES module
// and a classic script that defines `MsGalaxy`.
export default defineConfig({
  resolve: { alias },
  publicDir: false,
  build: {
    target: 'es2022',
    emptyOutDir: false,
    outDir: 'dist/lib',
    lib: {
      entry: alias['@msgalaxy/client'],
      name: 'MsGalaxy',
      formats: ['es', 'iife'],
      fileName: (format) => (format === 'es' ? 'msgalaxy-client.js' : 'msgalaxy-client.iife.js'),
    },
  },
});
