// What a page does: a function of the task, see task.py. Its promise is what the page has to report.
// It has no semicolon at its end because it is called in a larger expression.
(task) =>
  new Promise((resolve) => {
    const socket = new WebSocket(task.url, task.subprotocols);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      if (task.behavior === "close") socket.close(task.close_code, task.close_reason);
    };
    socket.onmessage = (event) => socket.send(event.data);
    socket.onclose = (event) =>
      resolve({ code: event.code, reason: event.reason, subprotocol: socket.protocol });
  })
