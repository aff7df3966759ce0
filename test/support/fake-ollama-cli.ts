// A fake Ollama to try the server with by hand: node test/support/fake-ollama-cli.ts --port 11434 --rate 50
import { parseArgs } from 'node:util';
import { startFakeOllama } from './fake-ollama.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '11434' },
    rate: { type: 'string', default: '50' },
    words: { type: 'string', default: '60' },
    model: { type: 'string', default: 'llama3.1' },
  },
});

const fake = await startFakeOllama({
  port: Number(values.port),
  models: [values.model],
  behaviour: { rate: Number(values.rate), words: Number(values.words) },
});
console.log(fake.url);
process.once('SIGINT', () => void fake.stop());
process.once('SIGTERM', () => void fake.stop());
