// What ours is compared with: a relay by hand that hands out the string it keeps of the reply so far.
import { createServer } from 'node:http';
import express from 'express';
import { Server } from 'socket.io';
import { listen } from './listen.ts';

const text = process.env['REPLY'] ?? '';
const app = express();
const http = createServer(app);

new Server(http).on('connection', (socket) => {
  socket.on('session:join', ({ after }, ack) => ack({ text: text.slice(after) }));
});
app.get('/events', (req, res) => {
  const data = JSON.stringify({ text: text.slice(Number(req.query['after'])) });
  res.set('Content-Type', 'text/event-stream').write(`event: therapist:token\ndata: ${data}\n\n`);
});
app.get('/log', (req, res) => void res.json({ text: text.slice(Number(req.query['after'])) }));

listen(http);
