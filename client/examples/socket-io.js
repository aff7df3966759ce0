// Plain Socket.IO: makes a session, says something and prints the reply word by word. Cut the connection or restart the
// server in the middle: every word still comes once, by the cursor rule of docs/protocol.md section 3.
// Run: npm install socket.io-client && node socket-io.js [session id] [words]
import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';

const [id, words = 'I want to feel calm'] = process.argv.slice(2);
const socket = io(process.env.STILLPOINT_URL || 'http://127.0.0.1:8090', { reconnectionDelayMax: 2_000 });
const ends = { 'therapist:done': 'done', 'therapist:error': 'failed', 'turn:cancelled': 'cancelled' };
const turns = new Map(); // what each turn has said so far
let [session, epoch, seq, mine, shown] = ['', '', 0, '', '']; // the cursor is `${epoch}.${seq}`, our turn `mine`

/** Asks until there is an answer; `use` gets it before any later event. The keys in the payloads make repeats harmless. */
function ask(event, payload, use) {
  socket.timeout(10_000).emit(event, payload, (_lost, answer) => {
    const { ok, error } = answer ?? {};
    if (error?.safety) console.error(error.safety.text); // help comes even with a refusal
    if (ok) use(answer);
    else if (error && !error.retryable) finish(1, `${error.code}: ${error.message}`);
    else setTimeout(ask, error?.retry_after_ms ?? 500, event, payload, use);
  });
}
const join = () => ask('session:join', { session_id: session, after: `${epoch}.${seq}` }, joined);
function joined({ mode, cursor, turns: ended, live }) {
  if (mode === 'tail') return; // what was missed comes next
  if (!cursor.startsWith(`${epoch}.`)) finish(1, 'the session was deleted'); // rule 4
  seq = Number(cursor.split('.').at(-1));
  for (const turn of ended.concat(live ?? [])) turns.set(turn.turn_id, turn);
  print();
}
/** Writes what is new of our turn. Words that were taken back are on the screen: then it begins again on a new line. */
function print() {
  const { text = '', state = 'queued' } = turns.get(mine) ?? {};
  process.stdout.write(text.startsWith(shown) ? text.slice(shown.length) : `\n${text}`);
  shown = text;
  if (state !== 'queued' && state !== 'running') finish(state === 'done' ? 0 : 1, `the turn is ${state}`);
}
function finish(code, why) {
  if (code !== 0) console.error(why);
  process.stdout.write('\n', () => process.exit(code));
}

socket.on('connect', () => session && join());
socket.on('connect_error', ({ message }) => {
  if (socket.active) console.error(`trying again: ${message}`);
  else finish(1, message); // the server lets nobody in without a token: capability.js
});
socket.onAny((event, data) => {
  if (data?.session_id !== session) return;
  if (event === 'session:deleted') finish(1, 'the session was deleted'); // rule 4
  if (!(data.seq > seq)) return; // rule 1: seen before, or not logged
  if ((data.from ?? data.seq) > seq + 1) return join(); // rule 1: a gap
  seq = data.seq;
  fold(event, data);
  print();
});
function fold(event, { turn_id, text, therapist_response, resources }) {
  const { text: before = '' } = turns.get(turn_id) ?? {};
  const state = ends[event] ?? 'running';
  if (event === 'therapist:token') turns.set(turn_id, { text: before + text, state }); // rule 2
  if (event === 'therapist:reset') turns.set(turn_id, { text, state }); // rule 3
  if (event in ends) turns.set(turn_id, { text: therapist_response ?? text, state }); // rule 3
  if (event === 'disclosure' || event === 'safety:resources') console.error(resources ?? text); // people must see it
}

ask('session:create', { session_id: id, create_key: randomUUID() }, (made) => {
  ({ session_id: session, epoch } = made);
  const input = { session_id: session, user_input: words, input_id: randomUUID() };
  ask('session:input', input, ({ turn_id }) => (mine = turn_id) && print());
});
