// A fake Ollama as a child process, so that its work is not counted with anybody else's. Its parent says how it speaks.
import { z } from 'zod';
import { startFakeOllama } from '../../test/support/fake-ollama.ts';
import { words } from '../../test/support/scene.ts';

const Speech = z.object({ rate: z.number().optional(), words: z.number() });

const fake = await startFakeOllama();
process.on('message', (message) => {
  const { rate, words: count } = Speech.parse(message);
  fake.always({ reply: words(count), ...(rate !== undefined && { rate }) });
  process.send?.('told');
});
process.on('disconnect', () => process.exit(0));
process.send?.(fake.url);
