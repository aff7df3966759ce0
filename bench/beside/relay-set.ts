// What ours is compared with: a relay by hand that writes the words of Ollama to every response of a set. It keeps nothing.
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { Ollama } from 'ollama';
import { listen } from './listen.ts';

const ollama = new Ollama({ host: process.env['OLLAMA_BASE_URL'] ?? '' });
const followers = new Set<ServerResponse>();

async function say(): Promise<void> {
  const messages = [{ role: 'user', content: 'hello' }];
  const reply = await ollama.chat({ model: 'm', messages, stream: true });
  for await (const { message } of reply) {
    const text = `event: therapist:token\ndata: ${JSON.stringify({ text: message.content })}\n\n`;
    for (const res of followers) res.write(text);
  }
}

const http = createServer((req, res) => {
  if (req.method === 'GET') {
    res.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(': \n\n');
    followers.add(res);
    res.on('close', () => followers.delete(res));
  } else {
    res.end('{}');
    if (req.url?.endsWith('/input')) void say();
  }
});

listen(http);
