// Socket.IO's reference server with its default settings: WebSocket by ws, rooms, no compression.
// node server.mjs PORT
import { createServer } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import { Server } from "socket.io";

const port = Number(process.argv[2]);
if (!Number.isInteger(port)) {
    console.error("usage: node server.mjs PORT");
    process.exit(2);
}

const http = createServer();
const io = new Server(http, { cors: { origin: "*" } });
const tasks = io.of("/tasks");

tasks.on("connection", (socket) => {
    socket.emit("connected", { message: "Connected to task updates" });
    socket.on("subscribe", ({ task_id }) => {
        socket.join(task_id);
        socket.emit("subscribed", { task_id });
    });
});

http.on("request", (request, response) => {
    const url = new URL(request.url, "http://127.0.0.1");
    if (url.pathname === "/publish" && request.method === "POST") {
        const order = url.searchParams;
        const [count, rate, seq0] = ["count", "rate", "seq0"].map((name) => Number(order.get(name)));
        response.end();
        publish(order.get("task"), count, rate, seq0);
    } else if (!url.pathname.startsWith("/socket.io/")) {
        response.writeHead(404).end();
    }
});

// CLOCK_MONOTONIC, which the load generator reads, too.
const nowUs = () => Number(process.hrtime.bigint() / 1000n);

async function publish(task, count, rate, seq0) {
    const startUs = nowUs();
    for (let i = 0; i < count; i += 1) {
        const dueUs = rate > 0 ? startUs + Math.floor((i * 1e6) / rate) : nowUs();
        const waitUs = dueUs - nowUs();
        if (waitUs > 0) await pause(Math.ceil(waitUs / 1000));
        else if (i % 64 === 63) await new Promise(setImmediate);
        const iteration = ((seq0 + i) % 20) + 1;
        tasks.to(task).emit("task_update", {
            task_id: task,
            event_type: "progress",
            data: {
                current_iteration: iteration,
                max_iterations: 20,
                progress_percent: iteration * 5,
                message: `Iteration ${iteration} of 20`,
                pub_seq: seq0 + i,
                ts_us: nowUs(),
                due_us: dueUs,
            },
            timestamp: new Date().toISOString(),
        });
    }
}

http.listen(port, "127.0.0.1", 4096);
