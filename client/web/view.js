// What is on the page. Text that came over the wire is only ever set as text.
const byId = (id) => document.getElementById(id);

function element(tag, className, text = '') {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function button(text, onClick) {
  const made = element('button', 'quiet', text);
  made.type = 'button';
  made.addEventListener('click', onClick);
  return made;
}

function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Changes the page and stays at its end if that was in sight, or `isNew`; but the newest turn never leaves at the top:
 * who reads a long answer reads it from its beginning.
 */
function keepingEnd(change, isNew = false) {
  const log = byId('log');
  const wasAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  change();
  if (!wasAtEnd && !isNew) return;
  const newest = byId('pending').hidden ? byId('turns').lastElementChild : byId('pending');
  log.scrollTop = Math.min(log.scrollHeight, (newest?.offsetTop ?? 0) - log.offsetTop - 16);
}

/** Wires the page's own events to what the conversation can do. */
export function listen({ begin, open, say, draft, stop, earlier, send, edit, remove, leave }) {
  const words = byId('words');
  const id = byId('id');
  byId('begin').addEventListener('submit', (event) => {
    event.preventDefault();
    begin(id.value);
  });
  byId('open').addEventListener('click', () => open(id.value));
  byId('composer').addEventListener('submit', (event) => {
    event.preventDefault();
    if (words.value.trim() !== '' && say(words.value)) setDraft('');
  });
  words.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    byId('composer').requestSubmit();
  });
  words.addEventListener('input', () => draft(words.value));
  byId('stop').addEventListener('click', stop);
  byId('earlier').addEventListener('click', earlier);
  byId('new').addEventListener('click', leave);
  byId('delete').addEventListener('click', () => byId('sure').showModal());
  byId('sure').addEventListener('close', () => {
    const { returnValue } = byId('sure');
    byId('sure').returnValue = '';
    if (returnValue === 'delete') remove();
  });
  byId('pending').querySelector('[data-do=again]').addEventListener('click', send);
  byId('pending').querySelector('[data-do=edit]').addEventListener('click', edit);
}

/** The first view: a conversation is begun, or one whose id is taken is opened. */
export function showStart({ id = '', note = '', isTaken = false } = {}) {
  byId('chat').hidden = byId('menu').hidden = true;
  byId('start').hidden = false;
  empty('');
  byId('id').value = id;
  write(byId('begin-note'), note);
  byId('open').hidden = !isTaken;
  byId(isTaken ? 'open' : 'id').focus();
}

export function showChat(id) {
  byId('start').hidden = true;
  byId('chat').hidden = byId('menu').hidden = false;
  empty(id);
  byId('words').focus();
}

/** Nothing of one conversation stays on the page of another. */
function empty(id) {
  write(byId('session'), id);
  byId('help').replaceChildren();
  byId('help').hidden = true;
  byId('words').value = '';
  clear();
}

export function clear() {
  byId('turns').replaceChildren();
  showPending(null);
}

export function setDraft(text) {
  const words = byId('words');
  words.value = text;
  words.dispatchEvent(new Event('input'));
}

/** Quiet words on the line to the server and on the model; empty when all is well. */
export function showConnection(text) {
  write(byId('connection'), text);
}

export function showLive(isLive) {
  byId('stop').hidden = !isLive;
  byId('words').placeholder = isLive ? 'Write to interrupt' : 'Write what is on your mind';
}

export function showEarlier(isThere) {
  byId('earlier').hidden = !isThere;
}

const endings = { failed: 'The answer broke off.', cancelled: 'Stopped.' };

function elementOf(turn) {
  const known = byId('turns').querySelector(`[data-n="${turn.n}"]`);
  if (known) return known;
  const made = element('article', 'turn');
  made.dataset.n = turn.n;
  const said = element('p', 'said', turn.user_input);
  const reply = element('p', 'reply');
  said.dir = reply.dir = 'auto';
  made.append(element('span', 'unseen', 'You:'), said, element('span', 'unseen', 'Guide:'), reply);
  made.append(element('p', 'note'), element('p', 'buttons'));
  const next = [...byId('turns').children].find(({ dataset }) => Number(dataset.n) > turn.n);
  byId('turns').insertBefore(made, next ?? null);
  return made;
}

/** Draws a turn as it is now; `retry` is there when it can be run again. */
export function showTurn(turn, retry = null) {
  const isNew = !byId('turns').querySelector(`[data-n="${turn.n}"]`);
  const isLive = turn.state === 'queued' || turn.state === 'running';
  keepingEnd(() => {
    const shown = elementOf(turn);
    const reply = shown.querySelector('.reply');
    shown.dataset.state = turn.state;
    // read aloud once it is whole, not word by word
    reply.setAttribute('aria-busy', String(isLive));
    write(reply, turn.text);
    write(shown.querySelector('.note'), turn.note || endings[turn.state] || '');
    shown.querySelector('.buttons').replaceChildren(...(retry ? [button('Try again', retry)] : []));
  }, isNew);
}

export function addWords(turn, text) {
  keepingEnd(() => {
    elementOf(turn).querySelector('.reply').append(text);
    write(elementOf(turn).querySelector('.note'), '');
  });
}

/** What was sent and not yet stored, or null. With a `problem` it can be tried again, or changed. */
export function showPending(text, problem = '') {
  const pending = byId('pending');
  keepingEnd(
    () => {
      pending.hidden = text === null;
      write(pending.querySelector('.said'), text ?? '');
      write(pending.querySelector('.note'), problem);
      pending.querySelector('.buttons').hidden = problem === '';
    },
    text !== null && pending.hidden,
  );
}

/** A line between the turns: what the person must know, or what another person says. */
export function showRemark(text, name = '') {
  const remark = element('p', 'remark', name === '' ? text : `${name}: ${text}`);
  remark.dir = 'auto';
  keepingEnd(() => byId('turns').append(remark));
}

function call(scheme, text, label) {
  const [number] = text.match(/\+?\d[\d\s().-]*/) ?? [];
  if (number === undefined) return element('span', '', `${label} ${text}`);
  const link = element('a', 'call', `${label} ${text}`);
  link.href = `${scheme}:${number.replaceAll(/[^+\d]/g, '')}`;
  return link;
}

function site(url) {
  const isWeb = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
  const link = element(isWeb ? 'a' : 'span', 'call quiet', isWeb ? new URL(url).host : url);
  if (isWeb) Object.assign(link, { href: url, target: '_blank', rel: 'noopener noreferrer' });
  return link;
}

function place({ name, phone, sms, url, hours }) {
  const ways = element('p', '');
  if (phone) ways.append(call('tel', phone, 'Call'));
  if (sms) ways.append(call('sms', sms, 'Text'));
  if (url) ways.append(site(url));
  const shown = element('li', '', name);
  shown.append(' ', element('small', '', hours), ways);
  return shown;
}

/** Help from people; it stays for as long as this conversation is open. */
export function showHelp({ text = '', resources }) {
  const list = document.createElement('ul');
  list.append(...resources.map(place));
  const title = element('strong', '', 'You do not have to be alone with this. People are there for you now:');
  byId('help').replaceChildren(title, ...(text === '' ? [] : [element('p', '', text)]), list);
  keepingEnd(() => (byId('help').hidden = false));
}
