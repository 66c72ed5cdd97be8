// ws, on Node.js: `node peer_ws.js TASK`. See task.py.
"use strict";

const { readFileSync } = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const { WebSocket, WebSocketServer } = require("ws");

const MAX_SIZE = 16 * 2 ** 20; // as in task.py

function report(facts) {
  console.log(JSON.stringify(facts));
}

// Do as we are told until the connection is closed, and tell how it ended.
function talk(socket, task) {
  const begin = () => socket.close(task.close_code, task.close_reason);
  if (task.behavior === "close") {
    if (socket.readyState === WebSocket.OPEN) begin();
    else socket.on("open", begin);
  }
  socket.on("message", (data, binary) => {
    if (task.behavior === "fragment") fragment(socket, data, binary);
    else socket.send(data, { binary });
  });
  socket.on("close", (code, reason) => {
    report({ code, reason: reason.toString(), subprotocol: socket.protocol });
  });
}

function fragment(socket, data, binary) {
  const third = Math.ceil(data.length / 3);
  socket.send(data.subarray(0, third), { binary, fin: false });
  socket.ping();
  socket.send(data.subarray(third, 2 * third), { binary, fin: false });
  socket.send(data.subarray(2 * third), { binary, fin: true });
}

function server(task) {
  const listener = task.certificate
    ? https.createServer({ cert: readFileSync(task.certificate), key: readFileSync(task.key) })
    : http.createServer();
  const sockets = new WebSocketServer({
    server: listener,
    maxPayload: MAX_SIZE,
    perMessageDeflate: task.compress,
    handleProtocols: (offered) => task.subprotocols.find((name) => offered.has(name)) ?? false,
    verifyClient: (_, answer) => answer(task.behavior !== "reject", 403),
  });
  sockets.on("connection", (socket) => talk(socket, task));
  listener.listen(0, "127.0.0.1", () => report({ port: listener.address().port }));
}

function client(task) {
  const socket = new WebSocket(task.url, task.subprotocols, {
    maxPayload: MAX_SIZE,
    perMessageDeflate: task.compress,
    ca: task.ca ? readFileSync(task.ca) : undefined,
  });
  socket.on("unexpected-response", (request, response) => {
    report({ status: response.statusCode });
    request.destroy();
  });
  talk(socket, task);
}

const task = JSON.parse(process.argv[2]);
({ server, client })[task.role](task);
