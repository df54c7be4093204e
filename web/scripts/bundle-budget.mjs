// Fails the build when the page grows beyond its budget: what a first visit
// loads, gzipped. Lazy chunks count separately.
import { readdirSync, readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const FIRST_LOAD_LIMIT = 60_000;
const TOTAL_LIMIT = 120_000;
const dist = new URL('../dist/', import.meta.url);
const size = (name) => gzipSync(readFileSync(new URL(name, dist)), { level: 9 }).length;

const html = readFileSync(new URL('index.html', dist), 'utf8');
const first = ['index.html', ...[...html.matchAll(/(?:src|href)="\.\/([^"]+)"/g)].map((match) => match[1])];
const lazy = ['lib/monitor.js', ...readdirSync(new URL('assets/', dist)).map((name) => `assets/${name}`)];
const sum = (names) => names.reduce((total, name) => total + size(name), 0);
const firstLoad = sum(first);
const total = sum([...new Set([...first, ...lazy])]);
console.log(`first load ${firstLoad} B gzipped (limit ${FIRST_LOAD_LIMIT}), total ${total} B (limit ${TOTAL_LIMIT})`);
if (firstLoad > FIRST_LOAD_LIMIT || total > TOTAL_LIMIT) process.exit(1);
