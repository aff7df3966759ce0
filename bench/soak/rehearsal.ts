// Before a long run: the built-in guide says most of what it has to say. What is found out about a text when it first comes, and kept,
// is there then, and does not look like a leak.
import { inputs, inParallel } from '../nodes/talk.ts';
import { pathOf, rest } from '../../test/support/rest.ts';
import type { Stage } from './stage.ts';

const SESSIONS = 80;
const AT_ONCE = 8;
const TURNS = 4;

/** On the first node, without a model. */
export async function rehearse({ nodes }: Stage): Promise<void> {
  const { url } = nodes.node(0);
  await nodes.fake.stop();
  await inParallel(SESSIONS, AT_ONCE, async (n) => {
    const id = `rehearsal ${n}`;
    for (let turn = 0; turn < TURNS; turn += 1) {
      const body = { user_input: inputs[(n + turn) % inputs.length] ?? 'yes' };
      await rest(url, `POST ${pathOf(id, '/input')}`, { body, ms: 60_000 });
    }
    await rest(url, `DELETE ${pathOf(id)}`);
  });
  await nodes.fake.start();
}
