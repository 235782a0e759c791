// An HTTP server with manners good and bad: see node.rs for what it answers.
'use strict';

const http = require('node:http');

const [port, sweep] = process.argv.slice(2).map(Number);
const ONE_MORE = 'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nunsolicited';
let connections = 0;
const posts = new Map();

function answer(res, text, fields = {}) {
  // Named here, node leaves out the Keep-Alive field that would tell when it closes.
  res.writeHead(200, { 'Content-Type': 'text/plain', Connection: 'keep-alive', ...fields });
  res.end(text);
}

const pages = {
  '/connection': (req, res) => answer(res, `${req.socket.number}`),
  '/hints': (req, res) => {
    res.writeEarlyHints({ link: '</a.css>; rel=preload' });
    res.writeProcessing();
    res.writeEarlyHints({ link: ['</b.css>; rel=preload', '</c.css>; rel=preload'], 'x-trace': 'kept' });
    setTimeout(() => answer(res, 'after the hints'), 20);
  },
  '/trailers': (req, res) => {
    res.writeHead(200, { Trailer: 'X-Sum, X-Note', Connection: 'keep-alive' });
    res.write('one ');
    res.write('two');
    res.addTrailers({ 'X-Sum': '7', 'X-Note': 'well' });
    res.end();
  },
  '/unsolicited/at-once': (req) => {
    // In one write, which node's own responses never share.
    req.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nasked for${ONE_MORE}`);
  },
  '/unsolicited/later': (req, res) => {
    const { socket } = req;
    res.on('finish', () => setTimeout(() => socket.write(ONE_MORE), 20));
    answer(res, 'asked for');
  },
  '/half-close': (req, res) => {
    const { socket } = req;
    res.on('finish', () => socket.end());
    answer(res, 'no more from here');
  },
  '/close': (req, res) => {
    const { socket } = req;
    res.on('finish', () => socket.destroy());
    answer(res, 'gone');
  },
  '/reset': (req, res) => {
    const { socket } = req;
    res.on('finish', () => setTimeout(() => socket.resetAndDestroy(), 20));
    answer(res, 'torn');
  },
  '/early': (req, res) => {
    // Answers before the content is there, and reads no more of it.
    req.pause();
    res.writeHead(413, { Connection: 'close' });
    res.end('enough');
  },
  '/post': (req, res) => {
    posts.set(req.headers['x-id'], (posts.get(req.headers['x-id']) ?? 0) + 1);
    req.resume().on('end', () => answer(res, 'posted'));
  },
  '/posts': (req, res) => answer(res, `${posts.size} ${Math.max(0, ...posts.values())}`),
  '/count': (req, res) => {
    let length = 0;
    req.on('data', (piece) => { length += piece.length; });
    req.on('end', () => answer(res, `${length} ${JSON.stringify(req.trailers)}`));
  },
};

function serve(req, res) {
  // A connection without a request, such as one that looks whether we are up, has no number.
  req.socket.number ??= (connections += 1);
  const page = pages[req.url];
  if (page) {
    page(req, res);
  } else {
    res.writeHead(404);
    res.end();
  }
}

const server = http.createServer({ keepAliveTimeout: 60_000, noDelay: true }, serve);
if (sweep > 0) {
  // Its own timeout is never shorter than a second.
  setInterval(() => server.closeIdleConnections(), sweep);
}
server.on('connection', (socket) => {
  // A client that goes away is not our failure.
  socket.on('error', () => {});
});
server.on('checkContinue', (req, res) => {
  if (req.url === '/count') {
    setTimeout(() => {
      res.writeContinue();
      serve(req, res);
    }, 50);
  } else if (req.url === '/early') {
    serve(req, res);
  } else {
    res.writeHead(417);
    res.end('unexpected');
  }
});
server.listen(port, '127.0.0.1');
