// The example that `npm start` runs: a page that says who answered, and a stream that outlives an upgrade.
const started = new Date().toISOString();

export default function handler(req, res) {
  if (req.url === '/events') return stream(res);
  res.setHeader('content-type', 'text/plain; charset=utf-8');
  res.end(`generation ${process.env.HOLDFAST_GENERATION}, worker ${process.env.HOLDFAST_WORKER}, pid ${process.pid}, since ${started}\n`);
}

function stream(res) {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  const tick = setInterval(() => res.write(`data: generation ${process.env.HOLDFAST_GENERATION} ${new Date().toISOString()}\n\n`), 1000);
  // Told to drain: end the stream in its own protocol; the client comes back by itself, to the new generation.
  const goodbye = () => res.end('event: goodbye\ndata: reconnect\n\n');
  process.once('holdfast:drain', goodbye);
  res.once('close', () => {
    clearInterval(tick);
    process.removeListener('holdfast:drain', goodbye);
  });
}
