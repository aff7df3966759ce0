// One conversation over the socket. The log of its session is applied by the rules of docs/protocol.md section 3.
import * as view from './view.js';

const ACK_MS = 10_000;
const RETRY_MS = 2_000;
const phases = {
  queued: 'Waiting for the guide…',
  loading: 'The guide is getting ready…',
  prompt: 'The guide is reading your words…',
  streaming: '',
  recovering: 'The answer was cut off and is being continued…',
};
// the client that the server itself serves
const socket = window.io({ reconnectionDelay: 300, reconnectionDelayMax: 3_000 });
/** The open conversation: what is known of its session, and what this page wants of it. */
let chat = null;
/** Set when the server said that it goes down, and when to come back. */
let comeBackMs = null;

// not crypto.randomUUID: pages that came over plain http do not have it
const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('-');

/** Outlives a reload of the page, so that nothing is said twice and no word is lost. */
function keep(name, value) {
  if (value === null) sessionStorage.removeItem(name);
  else sessionStorage.setItem(name, JSON.stringify(value));
}

const kept = (name) => JSON.parse(sessionStorage.getItem(name) ?? 'null');

/** The ack of an operation; null when none came, and nobody knows whether it was done. */
async function ask(operation, payload) {
  try {
    return await socket.timeout(ACK_MS).emitWithAck(operation, payload);
  } catch {
    return null;
  }
}

/** Later, if the conversation is still the same one. */
function again(action, ms = RETRY_MS) {
  const mine = chat;
  setTimeout(() => mine === chat && action(), ms);
}

const lastTurn = () => [...chat.turns.values()].reduce((a, b) => (a && a.n > b.n ? a : b), null);
const liveTurn = () =>
  [...chat.turns.values()].find(({ state }) => state === 'queued' || state === 'running');

/** The same key until the ack: a lost one does not make a second session. [S-5] */
async function begin(id) {
  const before = kept('create');
  const key = before?.id === id ? before.key : newKey();
  keep('create', { id, key });
  const ack = await ask('session:create', { session_id: id, create_key: key, locale: navigator.language });
  if (ack?.ok) {
    keep('create', null);
    open(ack.session_id);
  } else if (ack?.error.code === 'SESSION_CONFLICT') {
    const note = 'A conversation has this id already. If it is yours, open it; else choose another id.';
    view.showStart({ id, note, isTaken: true });
  } else {
    view.showStart({ id, note: ack?.error.message ?? 'The server does not answer. Please try again.' });
  }
}

function open(id) {
  chat = { id, epoch: '', seq: 0, turns: new Map(), stopping: null, pending: kept(`pending ${id}`) };
  history.replaceState(null, '', `#${new URLSearchParams({ session: id })}`);
  view.showChat(id);
  view.setDraft(kept(`draft ${id}`) ?? '');
  showPending();
  void join();
}

function leave(start = {}) {
  if (socket.connected) void ask('session:leave', { session_id: chat.id });
  chat = null;
  history.replaceState(null, '', location.pathname);
  view.showStart(start);
}

/** Drops all that this page has of the conversation. */
function forget(note, id = '') {
  keep(`pending ${chat.id}`, null);
  keep(`draft ${chat.id}`, null);
  leave({ id, note });
}

/** Follows the log from the cursor on; without one from a snapshot. [P-9] */
async function join() {
  const mine = chat;
  if (mine.isJoining || !socket.connected) return;
  mine.isJoining = true;
  const after = mine.epoch === '' ? null : `${mine.epoch}.${mine.seq}`;
  const ack = await ask('session:join', { session_id: mine.id, after });
  mine.isJoining = false;
  if (mine !== chat) return;
  if (ack?.ok) joined(ack);
  else if (ack?.error.code !== 'SESSION_NOT_FOUND') again(join);
  else forget('There is no conversation under this id (any more). You can begin one.', mine.id);
}

function joined(ack) {
  if (ack.mode === 'snapshot') restore(ack);
  if (chat.epoch === '') {
    void join();
    return;
  }
  chat.isJoined = true;
  showPending();
  void send();
  void sendStop();
}

function restore({ cursor, turns, live, notices }) {
  const dot = cursor.lastIndexOf('.');
  chat.epoch = cursor.slice(0, dot);
  chat.seq = Number(cursor.slice(dot + 1));
  chat.turns = new Map((live ? [...turns, live] : turns).map((turn) => [turn.turn_id, turn]));
  view.clear();
  for (const { event, data } of notices) logged[event]?.(data);
  for (const turn of chat.turns.values()) show(turn);
  view.showEarlier(turns.length > 0 && turns[0].n > 1);
  view.showLive(liveTurn() !== undefined);
}

/** What is known here does not fit the log: all of it is read anew. */
function startOver() {
  chat.epoch = '';
  void join();
}

async function earlier() {
  const mine = chat;
  const before = Math.min(...[...mine.turns.values()].map(({ n }) => n));
  const ack = await ask('session:history', { session_id: mine.id, before });
  if (mine !== chat || !ack?.ok) return;
  for (const turn of ack.turns) {
    if (!mine.turns.has(turn.turn_id)) mine.turns.set(turn.turn_id, turn);
    show(turn);
  }
  view.showEarlier(ack.next_before !== null);
}

function show(turn) {
  const isOver = turn.state === 'failed' || turn.state === 'cancelled';
  const canRetry = isOver && turn.n === lastTurn().n && !chat.pending;
  view.showTurn(turn, canRetry ? () => retry(turn) : null);
}

/** Changes a turn and draws it. */
function change(turnId, changes) {
  const turn = chat.turns.get(turnId);
  if (!turn) return;
  show(Object.assign(turn, changes));
  view.showLive(liveTurn() !== undefined);
}

const end = (turnId, state, text) => change(turnId, { state, text, note: '' });

/** What each logged event does; each comes here once, and in order. */
const logged = {
  'turn:started': ({ turn_id, n, user_input }) => {
    const before = lastTurn();
    chat.turns.set(turn_id, { turn_id, n, user_input, text: '', state: 'running' });
    if (before) show(before);
    change(turn_id, {});
    showPending();
  },
  'therapist:token': ({ turn_id, at, text }) => {
    const turn = chat.turns.get(turn_id);
    if (turn?.text.length === at)
      view.addWords(Object.assign(turn, { text: turn.text + text, note: '' }), text);
    else startOver();
  },
  'therapist:reset': ({ turn_id, text }) => change(turn_id, { text }),
  'therapist:done': ({ turn_id, therapist_response }) => end(turn_id, 'done', therapist_response),
  'therapist:error': ({ turn_id, text }) => end(turn_id, 'failed', text),
  'turn:cancelled': ({ turn_id, text }) => end(turn_id, 'cancelled', text),
  'safety:resources': (data) => view.showHelp(data),
  disclosure: ({ text }) => view.showRemark(text),
  // the words of a reply are shown as that reply
  'human:message': ({ text, name, turn_id }) =>
    view.showRemark(turn_id ? `${name} answers you now.` : text, turn_id ? '' : name),
  'session:updated': () => {},
};

/** A repeat is ignored, a gap is read again, everything else is applied in order. [P-2] [P-4] */
function receive(apply, data) {
  if (data.session_id !== chat?.id || chat.epoch === '' || data.seq <= chat.seq) return;
  if ((data.from ?? data.seq) > chat.seq + 1) {
    void join();
  } else {
    chat.seq = data.seq;
    apply(data);
  }
}

function noteOn({ session_id, turn_id }, note) {
  if (session_id === chat?.id && liveTurn()?.turn_id === turn_id) change(turn_id, { note });
}

/** Takes the words over, unless others are still on their way. The key is made before the first try. [P-6] */
function say(text) {
  if (chat.pending) return false;
  const interrupt = liveTurn() !== undefined;
  const payload = { session_id: chat.id, user_input: text, input_id: newKey(), interrupt };
  setPending({ operation: 'session:input', payload, text, after: lastTurn()?.n ?? 0 });
  return true;
}

function retry({ turn_id, user_input, n }) {
  const payload = { session_id: chat.id, turn_id, input_id: newKey() };
  setPending({ operation: 'turn:retry', payload, text: user_input, after: n });
}

function setPending(pending) {
  chat.pending = pending;
  keep(`pending ${chat.id}`, pending);
  const last = lastTurn();
  if (last) show(last);
  showPending();
  void send();
}

/** Shows what is on its way, unless its turn is there already. */
function showPending(problem = '') {
  const { pending } = chat;
  const last = lastTurn();
  const isThere = pending && last?.n > pending.after && last.user_input === pending.text;
  view.showPending(pending && !isThere ? pending.text : null, problem);
}

/** Sends what is on its way, as often as it takes until it is known to be stored or refused. */
async function send() {
  const mine = chat;
  const { pending } = mine;
  if (!pending || mine.isSending || !mine.isJoined) return;
  mine.isSending = true;
  const ack = await ask(pending.operation, pending.payload);
  mine.isSending = false;
  if (mine !== chat || pending !== mine.pending) return;
  if (ack?.ok) stored(ack);
  else refused(ack?.error);
}

function stored({ cursor }) {
  setPending(null);
  if (!cursor.startsWith(`${chat.epoch}.`)) startOver();
}

/** Without an error nobody answered: the same words go out again, with the same key. */
function refused(error) {
  if (error) showPending(`Not sent: ${error.message}`);
  if (error?.safety) view.showHelp(error.safety);
  if (!error || error.retryable) again(send, error?.retry_after_ms);
}

function edit() {
  view.setDraft(chat.pending.text);
  setPending(null);
}

function stop() {
  chat.stopping = liveTurn()?.turn_id ?? null;
  change(chat.stopping, { note: 'Stopping…' });
  void sendStop();
}

/** A wish to stop outlives a lost connection. */
async function sendStop() {
  const mine = chat;
  const turnId = mine.stopping;
  if (turnId === null || liveTurn()?.turn_id !== turnId || !mine.isJoined) return;
  const ack = await ask('turn:cancel', { session_id: mine.id, turn_id: turnId });
  if (mine === chat && !ack?.ok) again(sendStop);
}

async function remove() {
  const mine = chat;
  const ack = await ask('session:delete', { session_id: mine.id });
  if (mine !== chat) return;
  if (ack?.ok) forget('The conversation and all that was said in it are deleted.');
  else view.showConnection('It could not be deleted. Please try again.');
}

socket.on('connect', () => {
  comeBackMs = null;
  view.showConnection('');
  if (chat) void join();
});
socket.on('disconnect', () => {
  if (chat) chat.isJoined = false;
  view.showConnection('The connection is lost. It goes on as soon as the server is back…');
  if (socket.active && comeBackMs === null) return;
  socket.disconnect();
  setTimeout(() => socket.connect(), comeBackMs ?? RETRY_MS);
});
socket.on('connect_error', () => view.showConnection('The server cannot be reached. Trying again…'));
socket.on('server:draining', ({ reconnect_after_ms: ms }) => (comeBackMs = ms));
socket.on('model:status', ({ phase, completed, total }) => {
  const share = total ? ` (${Math.floor((100 * completed) / total)} %)` : '';
  view.showConnection(phase === 'pulling' ? `The language model is being fetched${share}.` : '');
});
socket.on('turn:queued', (data) => noteOn(data, `Waiting for the guide: number ${data.position} in line.`));
socket.on('turn:status', (data) => {
  if (data.phase !== 'queued' || (chat && !liveTurn()?.note)) noteOn(data, phases[data.phase]);
});
socket.on('session:deleted', ({ session_id, epoch }) => {
  if (session_id === chat?.id && epoch === chat.epoch) forget('The conversation was deleted.');
});
for (const [event, apply] of Object.entries(logged)) socket.on(event, (data) => receive(apply, data));

const draft = (text) => keep(`draft ${chat.id}`, text === '' ? null : text);
view.listen({ begin, open, say, draft, stop, earlier, send, edit, remove, leave: () => leave() });
const named = (text) => new URLSearchParams(text).get('session');
const wanted = named(location.hash.slice(1)) ?? named(location.search);
if (wanted) open(wanted);
else view.showStart();
window.addEventListener('hashchange', () => location.reload());
