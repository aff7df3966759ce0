import { describe, expect, test } from 'vitest';
import { createChanges, deadline, until } from '../../support/wait.ts';

describe('deadline', () => {
  test('gives the outcome of the promise', async () => {
    expect(await deadline(Promise.resolve(7), 'seven')).toBe(7);
  });

  test('names what was waited for', async () => {
    await expect(deadline(new Promise(() => {}), 'godot', 1)).rejects.toThrow('not within 1 ms: godot');
  });

  test('asks for the state when it passes, not before', async () => {
    let state = 'early';
    const waiting = deadline(new Promise(() => {}), () => state, 1);
    state = 'late';

    await expect(waiting).rejects.toThrow('late');
  });
});

describe('until', () => {
  test('finds what is there already', async () => {
    expect(await until(() => 'here', createChanges().subscribe, 'it')).toBe('here');
  });

  test('looks again after a change', async () => {
    const changes = createChanges();
    let count = 0;
    const waiting = until(() => count === 2, changes.subscribe, 'two');
    count = 1;
    changes.notify();
    count = 2;
    changes.notify();

    expect(await waiting).toBe(true);
  });

  test('takes zero and the empty string for found', async () => {
    expect(await until(() => 0, createChanges().subscribe, 'zero')).toBe(0);
    expect(await until(() => '', createChanges().subscribe, 'nothing')).toBe('');
  });

  test('fails with what the look throws', async () => {
    const look = () => {
      throw new Error('broken');
    };

    await expect(until(look, createChanges().subscribe, 'it')).rejects.toThrow('broken');
  });

  test('no longer listens once it is over', async () => {
    const changes = createChanges();
    await until(() => true, changes.subscribe, 'it');
    await until(() => false, changes.subscribe, 'it', 1).catch(() => {});

    expect(changes.size).toBe(0);
  });
});
