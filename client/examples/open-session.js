// What the pattern-*.js share: requests that are repeated only where that is safe and can help, and "open or resume".
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const api = `${process.env.STILLPOINT_URL || 'http://127.0.0.1:8090'}/api/v1`;
const retryable = new Set(
  'TURN_IN_PROGRESS RATE_LIMITED MODEL_BUSY DRAINING STORE_UNAVAILABLE INTERNAL'.split(' '),
);
const TRIES = 8;

/** The answer, or an error with the server's `code`. Only for what may be repeated: reads, and writes with a key. */
export async function call(method, path, body, headers = {}) {
  for (let attempt = 1; ; attempt++) {
    const request = { method, headers, ...(body && { body: JSON.stringify(body) }) };
    const [answer, reply] = await fetch(api + path, request)
      .then(async (answer) => [answer, await answer.json()])
      .catch((cause) => [null, { code: 'NO_ANSWER', message: cause.message }]);
    if (answer?.ok) return reply;
    if (reply.safety) console.log(reply.safety.text); // help comes even with a refusal: show it
    const { code } = reply;
    const isRetryable = answer === null || retryable.has(code);
    if (!isRetryable || attempt === TRIES)
      throw Object.assign(new Error(`${code}: ${reply.message}`), { code, isRetryable });
    const retryAfterMs = Number(answer?.headers.get('Retry-After') ?? 0) * 1_000;
    await sleep(retryAfterMs || Math.min(250 * 2 ** attempt, 5_000) * (0.5 + Math.random() / 2));
  }
}

export const pathOf = (id) => `/session/${encodeURIComponent(id)}`;

/**
 * Makes the session, or goes on with it where it is ours: the one of this `client_id`. One of somebody else is never taken
 * over: SESSION_CONFLICT. The `create_key` makes one session of a create whose answer got lost.
 */
export async function openSession(wanted) {
  try {
    const made = await call('POST', '/session/create', { ...wanted, create_key: randomUUID() });
    return { ...made, created: true }; // perhaps by a try whose answer got lost
  } catch (conflict) {
    if (conflict.code !== 'SESSION_CONFLICT') throw conflict;
    const found = await call('GET', `${pathOf(wanted.session_id)}/status`).catch((error) => {
      throw error.code === 'SESSION_NOT_FOUND' ? conflict : error; // not to be seen, so not ours
    });
    if (found.client_id !== wanted.client_id) throw conflict;
    return { ...found, created: false };
  }
}

/** Says something once, however often it is called with that key; resolves with the whole response. */
export const say = (id, words, key = randomUUID()) =>
  call('POST', `${pathOf(id)}/input`, { user_input: words }, { 'Idempotency-Key': key });
