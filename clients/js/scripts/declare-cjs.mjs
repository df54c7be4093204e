// TypeScript wants a declaration beside each module kind: a CommonJS importer
// looks for index.d.cts, whose relative imports must name .cjs files.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const dist = new URL('../dist/', import.meta.url);
for (const name of readdirSync(dist).filter((file) => file.endsWith('.d.ts'))) {
  const text = readFileSync(new URL(name, dist), 'utf8');
  writeFileSync(new URL(name.replace(/\.d\.ts$/, '.d.cts'), dist), text.replace(/(from '\.\/[^']+)\.js'/g, "$1.cjs'"));
}
