import { defineConfig } from 'vitest/config';

// One ES module and one CommonJS file; socket.io-client stays a dependency.
export default defineConfig({
  build: {
    lib: { entry: 'src/index.ts', formats: ['es', 'cjs'], fileName: (format) => (format === 'es' ? 'index.js' : 'index.cjs') },
    rollupOptions: { external: ['socket.io-client'] },
    target: 'es2022',
    minify: false,
    sourcemap: true,
  },
  test: { environment: 'node', include: ['test/**/*.test.ts'] },
});
