// A backend holds an API key and hands its user's browser a capability: a token for that one session and nothing else.
// The key never leaves the backend, and what was handed out ends by itself after an hour, or when it is taken back.
// Run: npm run keys -- create --name shop, start the server with AUTH_MODE=key, then
//      npm install socket.io-client && STILLPOINT_API_KEY=spk_… node capability.js [session id] [words]
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { io } from 'socket.io-client';

const url = process.env.STILLPOINT_URL || 'http://127.0.0.1:8090';
const [id = `shop_${randomUUID()}`, words = 'I want to feel calm'] = process.argv.slice(2);
const path = `/api/v1/session/${encodeURIComponent(id)}`;

/** The backend: its key is in a header, never in an address. */
async function backend(method, path, body) {
  const headers = { Authorization: `Bearer ${process.env.STILLPOINT_API_KEY}` };
  const answer = await fetch(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const reply = await answer.json();
  if (!answer.ok) throw new Error(`${reply.code}: ${reply.message}`);
  return reply;
}

/** The browser: it got the id and the token in the page of the backend, and knows nothing else. */
async function browser(id, token) {
  const socket = io(url, { auth: { token }, reconnection: false, forceNew: true });
  socket.on('disclosure', ({ text }) => console.error(text)); // people must see it
  socket.on('therapist:token', ({ text }) => process.stdout.write(text));
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('connect_error', reject));
  return socket;
}

await backend('POST', '/api/v1/session/create', { session_id: id, create_key: id, client_id: id });
const granted = await backend('POST', `${path}/capabilities`, { expires_in: 3600, label: 'browser' });

const socket = await browser(id, granted.token);
const done = once(socket, 'therapist:done');
const input = { session_id: id, user_input: words, input_id: randomUUID() };
const answer = await socket.timeout(10_000).emitWithAck('session:input', input);
if (!answer.ok) {
  if (answer.error.safety) console.error(answer.error.safety.text); // help comes even with a refusal
  throw new Error(answer.error.code);
}
await done;
const another = await socket.timeout(10_000).emitWithAck('session:create', {});
console.log(`\nanother session: ${another.error.code}`);

const gone = once(socket, 'disconnect');
await backend('DELETE', `${path}/capabilities/${granted.capability_id}`);
await gone;
const refused = await browser(id, granted.token).catch((error) => error);
console.log(`taken back: ${refused.data.code}`);
