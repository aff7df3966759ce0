import { expect, it } from 'vitest';
import { hostName, placeOf } from '../../../src/model/host-name.ts';

it.each([
  ['http://ollama:11434', 'http://ollama:11434'],
  ['http://Ollama:11434/', 'http://ollama:11434'],
  ['https://ollama.example:443/base/', 'https://ollama.example/base'],
  ['http://ann:s%20ecret@ollama:11434/?key=1#here', 'http://ollama:11434'],
  ['http://192.168.0.7:11434', 'http://192.168.0.7:11434'],
  ['http://[fd00::7]:11434', 'http://[fd00::7]:11434'],
  ['http://localhost.example:11434', 'http://localhost.example:11434'],
  ['http://127.example:11434', 'http://127.example:11434'],
])('is alike on all machines for %s', (url, name) => {
  expect([hostName(url, 'one'), hostName(url, 'two')]).toEqual([name, name]);
});

it.each([
  ['http://127.0.0.1:11434', 'http://localhost:11434'],
  ['http://localhost:11434/', 'http://localhost:11434'],
  ['http://LOCALHOST:11434', 'http://localhost:11434'],
  ['http://127.1:11434', 'http://localhost:11434'],
  ['http://0.0.0.0:11434', 'http://localhost:11434'],
  ['http://[::1]:11434', 'http://localhost:11434'],
  ['http://ann:secret@127.0.0.1:11434/base', 'http://localhost:11434/base'],
  ['http://127.0.0.2:11434', 'http://127.0.0.2:11434'],
  ['http://[::ffff:127.0.0.3]:11434', 'http://[::ffff:7f00:3]:11434'],
  ['http://ollama.localhost:11434', 'http://ollama.localhost:11434'],
])('is another one on each machine for %s', (url, place) => {
  expect([hostName(url, 'one'), hostName(url, 'two')]).toEqual([`${place}#one`, `${place}#two`]);
});

it('tells two servers of one machine apart', () => {
  expect(hostName('http://127.0.0.1:1', 'one')).not.toBe(hostName('http://127.0.0.1:2', 'one'));
});

it('is not the place itself, which is where requests go', () => {
  expect(placeOf('http://ann:secret@127.0.0.1:11434/base/')).toBe('http://127.0.0.1:11434/base');
});
