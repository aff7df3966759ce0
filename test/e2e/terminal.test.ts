import { mkdtempDisposable, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server } from 'socket.io';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { firstWords, openScene, words } from '../support/scene.ts';
import { sharedScene } from '../support/shared-scene.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { Terminal } from '../support/terminal-process.ts';

const reply = words(20);
const open = sharedScene({ fake: { behaviour: { reply } } });

test('a piped line is said, its reply is all of the output, and it ends with 0', async () => {
  const scene = await open();
  await using terminal = new Terminal({ url: scene.url, args: ['my_id'] });
  terminal.type('I want to feel calm\n');
  terminal.endInput();

  expect(await terminal.exited()).toBe(0);
  expect(terminal.stdout).toBe(`${reply}\n`);
  expect((await scene.rest('GET /api/v1/session/my_id/history')).body).toMatchObject({
    turns: [{ user_input: 'I want to feel calm', text: reply }],
  });
});

test('a last line without an end is a line', async () => {
  const scene = await open();
  await using terminal = new Terminal({ url: scene.url, args: ['last_line'] });
  terminal.type('hello');
  terminal.endInput();

  expect(await terminal.exited()).toBe(0);
  expect(terminal.stdout).toBe(`${reply}\n`);
});

test('an input without words ends with 0 and says nothing', async () => {
  const scene = await open();
  await using terminal = new Terminal({ url: scene.url, args: ['wordless'] });
  terminal.endInput();

  expect(await terminal.exited()).toBe(0);
  expect(terminal.stdout).toBe('');
});

test('words stream as they come', async () => {
  const scene = await open();
  scene.fake.hold('piece', 7);
  await using terminal = new Terminal({ url: scene.url, args: ['streams'] });
  terminal.type('hello\n');
  await terminal.until(() => terminal.stdout === firstWords(reply, 7), 'seven words');
  scene.fake.release();
  await terminal.until(() => terminal.stdout === `${reply}\n`, 'all words');

  terminal.type('/quit\n');
  expect(await terminal.exited()).toBe(0);
});

test('piped lines are said one after another, each once the reply before it is whole', async () => {
  const replies = ['abel', 'mira', 'tomo'].map((stem) => words(20, stem));
  const scene = await open();
  for (const reply of replies) scene.fake.next({ reply });
  await using terminal = new Terminal({ url: scene.url, args: ['lines'] });
  terminal.type('first\nsecond\n/status\nthird\n/quit\n');

  expect(await terminal.exited()).toBe(0);
  expect(terminal.stdout).toBe(`${replies.join('\n')}\n`);
  expect(terminal.stderr).toContain('Turns      2');
});

test('without an id the server makes one, and it is told how to come back', async () => {
  const scene = await open();
  await using terminal = new Terminal({ url: scene.url });
  terminal.endInput();
  await terminal.exited();
  const id = /session_\d{8}_\d{6}_[0-9a-f]{8}/.exec(terminal.stderr)?.[0];

  expect(terminal.stderr).toContain(`npm run chat -- --url ${scene.url} ${id}`);
  expect((await scene.rest(`GET /api/v1/session/${id}/status`)).status).toBe(200);
});

test('the id of an existing session takes it up: its last turns, and a live reply in mid-word', async () => {
  const scene = await open();
  scene.fake.always({ reply, pieceSize: 3 });
  scene.fake.next({ reply: words(5, 'abel') });
  const { client, admission } = await scene.speak('mine', 'the first input');
  await client.ended(admission.turn_id);
  scene.fake.hold('piece', 9);
  await scene.speak('mine', 'the second input');
  await using terminal = new Terminal({ url: scene.url, args: ['mine'] });
  await terminal.until(() => terminal.stdout !== '', 'the words so far');
  const soFar = terminal.stdout;
  scene.fake.release();
  terminal.endInput();

  expect(await terminal.exited()).toBe(0);
  expect(reply.slice(0, 27).startsWith(soFar)).toBe(true);
  expect(terminal.stdout).toBe(`${reply}\n`);
  expect(terminal.stderr).toContain('Resumed, 1 turn so far: mine');
  expect(terminal.stderr).toContain('› the first input');
  expect(terminal.stderr).toContain(words(5, 'abel'));
  expect(terminal.stderr).toContain('› the second input');
});

test('/cancel stops a reply in its middle, and /retry asks for it again', async () => {
  const scene = await open();
  scene.fake.hold('piece', 5);
  await using terminal = new Terminal({ url: scene.url, args: ['cancelled'] });
  terminal.type('hello\n');
  await terminal.until(() => terminal.stdout === firstWords(reply, 5), 'five words');
  terminal.type('/cancel\n');
  await terminal.until(() => terminal.stderr.includes('(stopped'), 'the end of the reply');
  scene.fake.release();
  const stopped = terminal.stdout;
  terminal.type('/retry\n/quit\n');

  expect(await terminal.exited()).toBe(0);
  expect(stopped).toBe(`${firstWords(reply, 5)}\n`);
  expect(terminal.stdout).toBe(`${stopped}${reply}\n`);
});

test('SIGINT stops a live reply, and leaves where there is none', async () => {
  const scene = await open();
  scene.fake.hold('piece', 5);
  await using terminal = new Terminal({ url: scene.url, args: ['signals'] });
  terminal.type('hello\n');
  await terminal.until(() => terminal.stdout === firstWords(reply, 5), 'five words');
  terminal.signal('SIGINT');
  await terminal.until(() => terminal.stderr.includes('(stopped'), 'the end of the reply');
  terminal.signal('SIGINT');

  expect(await terminal.exited()).toBe(130);
});

test('a reply is shown whole and once though the server is killed in its middle', async () => {
  await using scene = await openScene({ fake: { behaviour: { reply } } });
  await using proxy = await startTcpProxy({ target: scene.server.port });
  scene.fake.hold('piece', 8);
  await using terminal = new Terminal({ url: proxy.url, args: ['s'] });
  terminal.type('hello\n');
  terminal.endInput();
  await terminal.until(() => terminal.stdout === firstWords(reply, 8), 'eight words');
  await scene.kill();
  await terminal.until(() => terminal.stderr.includes('connection was lost'), 'the loss');
  scene.fake.release();
  await scene.start();
  proxy.retarget(scene.server.port);

  expect(await terminal.exited()).toBe(0);
  expect(terminal.stdout).toBe(`${reply}\n`);
  expect(terminal.stderr).toContain('Connected again.');
});

test('a risk is answered with places to get help, which /resources shows again', async () => {
  await using scene = await openScene({ env: { MODEL: 'guide' } });
  await using terminal = new Terminal({ url: scene.url, args: ['s', '--locale', 'en-US'] });
  terminal.type('I want to kill myself tonight\n/resources\n/quit\n');

  expect(await terminal.exited()).toBe(0);
  expect(terminal.stdout.trim()).not.toBe('');
  expect(terminal.stderr.match(/┌─ Help from people/g)).toHaveLength(2);
  expect(terminal.stderr).toMatch(/│ {3}call 988/);
});

test('the disclosure stands before the first words', async () => {
  const scene = await open();
  scene.fake.hold('piece', 3);
  await using terminal = new Terminal({ url: scene.url, args: ['disclosed'] });
  terminal.type('hello\n');
  await terminal.until(() => terminal.stdout !== '', 'the first words');

  expect(terminal.stderr).toMatch(/\*\*\* .* \*\*\*/);
});

test('/export writes all that is stored, /delete asks first', async () => {
  const scene = await open();
  await using directory = await mkdtempDisposable(join(tmpdir(), 'stillpoint-'));
  const env = { INIT_CWD: directory.path };
  await using terminal = new Terminal({ url: scene.url, args: ['exported'], env });
  terminal.type('hello\n/export all.json\n/export all.json\n/delete\nno\n/delete\nyes\n');

  expect(await terminal.exited()).toBe(0);
  expect(terminal.stderr).toContain('exists already');
  expect(terminal.stderr).toContain('Nothing was deleted.');
  const all: unknown = JSON.parse(await readFile(join(directory.path, 'all.json'), 'utf8'));
  expect(all).toMatchObject({ session: { session_id: 'exported' }, turns: [{ text: reply }] });
  expect((await scene.rest('GET /api/v1/session/exported/status')).status).toBe(404);
});

test('/history shows the last turns, what is typed wrong is told', async () => {
  const scene = await open();
  await using terminal = new Terminal({ url: scene.url, args: ['history'] });
  terminal.type('/history\none\ntwo\n/history 1\n/history many\n/dance\n/cancel\n/quit\n');

  expect(await terminal.exited()).toBe(0);
  expect(terminal.stderr).toContain('Nothing was said yet.');
  expect(terminal.stderr).toContain('› two');
  expect(terminal.stderr).not.toContain('› one');
  expect(terminal.stderr).toContain('/history takes a number');
  expect(terminal.stderr).toContain('There is no command /dance');
});

test('a model that is fetched is told in tenths', async () => {
  await using scene = await openScene({
    env: { OLLAMA_PULL: '1' },
    fake: { models: [], behaviour: { reply } },
    prepare: (fake) => {
      fake.always({ pull: { total: 4000, steps: 4 } }, 'pull');
      fake.hold('piece', 2);
    },
  });
  await using terminal = new Terminal({ url: scene.url, args: ['s'] });
  await terminal.until(() => terminal.stderr.includes('Come back with'), 'the greeting');
  scene.fake.release();
  await terminal.until(() => terminal.stderr.includes('Fetching llama3.1'), 'the pull');
  terminal.type('hello\n');
  terminal.endInput();

  expect(await terminal.exited()).toBe(0);
  expect(terminal.stderr).toMatch(/Fetching llama3\.1: \d+ %\n/);
  expect(terminal.stdout).not.toContain('Fetching');
});

test('a server that cannot be reached is told once, and tried until it is there', async () => {
  const scene = await open();
  await using proxy = await startTcpProxy({ target: 1 });
  await using terminal = new Terminal({ url: proxy.url, args: ['unreachable'] });
  terminal.type('hello\n');
  terminal.endInput();
  await terminal.until(() => terminal.stderr.includes('Trying again'), 'the trouble');
  proxy.retarget(scene.server.port);

  expect(await terminal.exited()).toBe(0);
  expect(terminal.stdout).toBe(`${reply}\n`);
  expect(terminal.stderr.match(/Trying again/g)).toHaveLength(1);
});

test('no text from the wire commands the terminal', async () => {
  const sly = 'And \u001b]0;owned\u0007 \u001b[2J quiet\nwords';
  await using scene = await openScene({ env: { RAW_REPLIES: '1' }, fake: { behaviour: { reply: sly } } });
  await using terminal = new Terminal({ url: scene.url, args: ['s\u001b[1m'] });
  terminal.type('hello\n');
  terminal.endInput();

  expect(await terminal.exited()).toBe(0);
  expect(`${terminal.stdout}${terminal.stderr}`).not.toMatch(/[^\P{Cc}\n]/u);
});

test('a server that lets nobody in without a token is told in one line, and exit 1', async () => {
  const refusal = { code: 'UNAUTHENTICATED', status: 401, message: 'No valid credentials' };
  await using http = createServer(
    (_request, response) => void response.writeHead(401).end(JSON.stringify(refusal)),
  );
  const io = new Server(http);
  io.use((_socket, next) => next(Object.assign(new Error(refusal.message), { data: refusal })));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = z.object({ port: z.number() }).parse(http.address());
  await using terminal = new Terminal({ url: `http://127.0.0.1:${port}`, args: ['s'] });

  expect(await terminal.exited()).toBe(1);
  expect(terminal.stderr).toMatch(/^[^\n]*STILLPOINT_TOKEN[^\n]*\n$/);
});

test('a fault in the arguments is one line, and exit 1', async () => {
  await using terminal = new Terminal({ url: 'ftp://x' });

  expect(await terminal.exited()).toBe(1);
  expect(terminal.stderr).toMatch(/^[^\n]+\n$/);
});

test('in a terminal, words that are typed amid a reply interrupt it', async () => {
  const scene = await open();
  const before = scene.fake.requests.length;
  scene.fake.hold('piece', 3);
  await using terminal = new Terminal({ url: scene.url, args: ['interrupted'], isTTY: true });
  await terminal.until(() => terminal.grid.lines.includes('/help lists the commands.'), 'the greeting');
  terminal.type('hello\r');
  await terminal.until(() => terminal.grid.lines.includes(firstWords(reply, 3)), 'three words');
  terminal.type('no, wa');
  await terminal.until(() => terminal.grid.lines.at(-1) === '› no, wa', 'what is typed');
  const amid = [...terminal.grid.lines];
  scene.fake.always({ reply: 'And now this one.' });
  terminal.type('it\r');
  expect(await scene.fake.ended(before)).toMatchObject({ ending: 'client' });
  scene.fake.release();
  await terminal.until(() => terminal.grid.lines.includes('And now this one.'), 'the second reply');
  terminal.type('\u0004');

  expect(await terminal.exited()).toBe(0);
  expect(amid.slice(-2)).toEqual([firstWords(reply, 3), '› no, wa']);
  expect(terminal.grid.lines.filter((line) => line === '› no, wait')).toHaveLength(1);
  expect((await scene.rest('GET /api/v1/session/interrupted/history')).body).toMatchObject({
    turns: [{ user_input: 'hello', state: 'cancelled' }, { user_input: 'no, wait' }],
  });
});

test('in a terminal, Ctrl-C stops a reply, and leaves the next time', async () => {
  const scene = await open();
  scene.fake.hold('piece', 3);
  await using terminal = new Terminal({ url: scene.url, args: ['ctrl_c'], isTTY: true });
  await terminal.until(() => terminal.grid.lines.includes('/help lists the commands.'), 'the greeting');
  terminal.type('hello\r');
  await terminal.until(() => terminal.grid.lines.includes(firstWords(reply, 3)), 'three words');
  terminal.type('\u0003');
  await terminal.until(() => terminal.grid.lines.includes('(stopped; /retry asks again)'), 'the stop');
  terminal.type('\u0003');

  expect(await terminal.exited()).toBe(0);
  expect(terminal.grid.lines.filter((line) => line.startsWith('Come back with'))).toHaveLength(2);
});

test('in a terminal, lines that are pasted together are one input, and Ctrl-D leaves', async () => {
  const scene = await open();
  await using terminal = new Terminal({ url: scene.url, args: ['pasted'], isTTY: true });
  await terminal.until(() => terminal.grid.lines.includes('/help lists the commands.'), 'the greeting');
  terminal.type('one\rtwo\r');
  await terminal.until(() => terminal.stdout.includes(reply.slice(-8)), 'the reply');
  terminal.type('\u0004');

  expect(await terminal.exited()).toBe(0);
  expect((await scene.rest('GET /api/v1/session/pasted/history')).body).toMatchObject({
    turns: [{ user_input: 'one\ntwo' }],
  });
});

test('in a terminal, NO_COLOR leaves no style', async () => {
  const scene = await open();
  const env = { NO_COLOR: '1' };
  await using terminal = new Terminal({ url: scene.url, args: ['colourless'], env, isTTY: true });
  await terminal.until(() => terminal.grid.lines.includes('/help lists the commands.'), 'the greeting');
  terminal.type('hello\r');
  await terminal.until(() => terminal.stdout.includes(reply.slice(-8)), 'the reply');

  expect(terminal.stdout).not.toMatch(/\[\d*m/);
});
