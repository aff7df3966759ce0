// The thinnest relay that somebody would write by hand: what Ollama says goes into one response. Nothing is kept.
import { createServer } from 'node:http';
import express from 'express';
import { Ollama } from 'ollama';
import { serve } from './serve.ts';

const ollama = new Ollama({ host: process.env['OLLAMA_BASE_URL'] ?? '' });
const app = express().use(express.text());

app.post('/say', async (req, res) => {
  res.set('Content-Type', 'text/event-stream').flushHeaders();
  const messages = [{ role: 'user', content: String(req.body) }];
  const reply = await ollama.chat({ model: 'm', messages, stream: true });
  for await (const { message } of reply) res.write(`data: ${JSON.stringify(message.content)}\n\n`);
  res.end('event: done\ndata: {}\n\n');
});

serve(createServer(app));
