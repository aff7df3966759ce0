// What ours is compared with: Socket.IO and Express that answer everything, and do nothing.
import { createServer } from 'node:http';
import express from 'express';
import { Server } from 'socket.io';
import { listen } from './listen.ts';

const app = express().use(express.json());
const http = createServer(app);

new Server(http).on('connection', (socket) => {
  socket.onAny((_event, _payload, ack) => ack({ ok: true }));
});
app.use((_req, res) => void res.json({ ok: true }));

listen(http);
