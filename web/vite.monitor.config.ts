import { defineConfig } from 'vite';
import { alias } from './vite.config.ts';

// The page for who watches the server: a classic script that defines `MsGalaxyMonitor`, loaded when it is asked for.
export default defineConfig({
  resolve: { alias },
  publicDir: false,
  build: {
    target: 'es2022',
    emptyOutDir: false,
    outDir: 'dist/lib',
    lib: {
      entry: 'src/monitor/main.tsx',
      name: 'MsGalaxyMonitor',
      formats: ['iife'],
      fileName: () => 'monitor.js',
    },
  },
});
