// Redis as a stranger sees it: its channels, and every command that it is sent.
import { createConnection } from 'node:net';
import { createRedisClient, createRedisCluster } from '../../src/redis.ts';
import type { RedisProcess } from './redis-server.ts';
import { createChanges, until } from './wait.ts';

export interface Line extends AsyncDisposable {
  publish(channel: string, message: string): Promise<unknown>;
  listen(channel: string): Promise<unknown>;
}

/** A stranger on the channels of the nodes. */
export async function openLine(urls: readonly string[]): Promise<Line> {
  const isOne = urls.length === 1;
  const publisher = isOne ? createRedisClient(urls) : createRedisCluster(urls);
  const subscriber = isOne ? createRedisClient(urls) : createRedisCluster(urls);
  for (const client of [publisher, subscriber]) client.on('error', () => undefined);
  await Promise.all([publisher.connect(), subscriber.connect()]);
  return {
    publish: (channel, message) => publisher.sPublish(channel, message),
    listen: (channel) => subscriber.sSubscribe(channel, () => undefined),
    [Symbol.asyncDispose]: async () => [publisher, subscriber].forEach((client) => client.destroy()),
  };
}

/** Every command that this Redis is sent from now on, as it tells whoever asks. */
export async function monitor({ port }: RedisProcess) {
  const changes = createChanges();
  const seen = { text: '' };
  const socket = createConnection({ host: '127.0.0.1', port }).setEncoding('utf8');
  socket.on('data', (more: string) => {
    seen.text += more;
    changes.notify();
  });
  const sees = (words: string) => until(() => seen.text.includes(words), changes.subscribe, words);
  socket.write('MONITOR\r\n');
  await sees('+OK');
  return { seen, sees, [Symbol.dispose]: () => socket.destroy() };
}
