// What ours is compared with: a relay by hand that sends the words of Ollama to a room. It keeps nothing.
import { createServer } from 'node:http';
import { Ollama } from 'ollama';
import { Server } from 'socket.io';
import { listen } from './listen.ts';

const ollama = new Ollama({ host: process.env['OLLAMA_BASE_URL'] ?? '' });
const http = createServer();
const io = new Server(http);

io.on('connection', (socket) => {
  const join = ({ session_id: room }: { session_id: string }, ack: (answer: object) => void) => {
    void socket.join(room);
    ack({ ok: true });
  };
  socket.on('session:create', join);
  socket.on('session:join', join);
  socket.on('session:input', async ({ session_id: room, user_input: content }, ack) => {
    ack({ ok: true });
    const messages = [{ role: 'user', content }];
    const reply = await ollama.chat({ model: 'm', messages, stream: true });
    for await (const { message } of reply) io.to(room).emit('therapist:token', { text: message.content });
    io.to(room).emit('therapist:done', { session_id: room });
  });
});

listen(http);
