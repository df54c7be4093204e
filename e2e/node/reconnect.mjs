// The official JavaScript client as it comes: says on standard output when it
// is connected, and after how many tries.
//
//   node reconnect.mjs PACKAGE URL
const [packageName, url] = process.argv.slice(2);
const { io } = await import(packageName);
const socket = io(`${url}/tasks`);
let attempts = 0;
socket.io.on('reconnect_attempt', (attempt) => (attempts = attempt));
socket.on('connect', () => console.log(`connected ${attempts}`));
