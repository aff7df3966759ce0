import { expect, it } from 'vitest';
import { createSetup, parseKeepAlive, sameModel } from '../../../src/model/ollama-setup.ts';

it.each([
  ['5m', '5m', 300_000],
  ['1h30m', '1h30m', 5_400_000],
  ['1.5s', '1.5s', 1500],
  ['250ms', '250ms', 250],
  ['300', 300, 300_000],
  ['-1', -1, Infinity],
  ['-1m', '-1m', Infinity],
  ['0', 0, 0],
  ['0s', '0s', 0],
  [' 5m ', '5m', 300_000],
])('reads "%s" as Ollama does', (text, wire, ms) => {
  expect(parseKeepAlive(text)).toEqual({ wire, ms });
});

it.each(['', 'soon', '5 m', '5min', 'm', '1m2', '--1m', '1e3'])('refuses "%s" as a duration', (text) => {
  expect(() => parseKeepAlive(text)).toThrow(RangeError);
});

it('loads with a keep_alive that does not unload', () => {
  const setup = createSetup({
    baseUrl: 'http://127.0.0.1:11434',
    model: 'llama3.1',
    keepAlive: '0',
    numCtx: 1,
    numPredict: 1,
    temperature: 0,
    pull: false,
    checkMs: 1,
    connectMs: 1,
    loadMs: 1,
    firstTokenMs: 1,
    stallMs: 1,
    totalMs: 1,
  });

  expect(setup.load.keep_alive).toBe('1m');
  expect(setup.chat.keep_alive).toBe(0);
});

it.each([
  ['llama3.1', 'llama3.1:latest', true],
  ['llama3.1', 'Llama3.1', true],
  ['hf.co/a/b', 'hf.co/a/b:latest', true],
  ['host:5000/a/b', 'host:5000/a/b:latest', true],
  ['llama3.1', 'llama3.1:70b', false],
  ['llama3.1', 'llama3', false],
])('tells whether %s and %s are one model', (one, other, expected) => {
  expect(sameModel(one, other)).toBe(expected);
});
