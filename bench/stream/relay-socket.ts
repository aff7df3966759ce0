// The thinnest relay that somebody would write by hand: what Ollama says goes to one socket. Nothing is kept.
import { createServer } from 'node:http';
import { Ollama } from 'ollama';
import { Server } from 'socket.io';
import { serve } from './serve.ts';

const ollama = new Ollama({ host: process.env['OLLAMA_BASE_URL'] ?? '' });
const http = createServer();

new Server(http).on('connection', (socket) => {
  socket.on('say', async (content: string) => {
    const messages = [{ role: 'user', content }];
    const reply = await ollama.chat({ model: 'm', messages, stream: true });
    for await (const { message } of reply) socket.emit('token', message.content);
    socket.emit('done');
  });
});

serve(http);
