import { createElement } from 'react';
import { renderToString } from 'react-dom/server';
import { expect, test } from 'vitest';
import type { ChatClient } from '../../../client/sdk/api.ts';
import { createClient } from '../../../client/sdk/client.ts';
import { useReadable, useSession } from '../../../client/sdk/react.ts';

function Page({ client, id }: { client: ChatClient; id?: string }) {
  const { session, state } = useSession(client, id);
  const connection = useReadable(client.connection);
  const said = [session.id, state.id, state.phase, state.turns.length, connection.phase];
  return createElement('p', null, JSON.stringify(said));
}

const shown = (html: string): unknown =>
  JSON.parse(html.replaceAll(/<[^>]*>/g, '').replaceAll('&quot;', '"'));

test('a server renders the first state of a session, and connects nothing', () => {
  expect(['window' in globalThis, 'document' in globalThis]).toEqual([false, false]);
  using client = createClient({ url: 'http://127.0.0.1:9' });

  const html = renderToString(createElement(Page, { client, id: 'my id' }));

  expect(shown(html)).toEqual(['my id', 'my id', 'new', 0, 'idle']);
  expect(client.connection.get()).toEqual({ phase: 'idle' });
});

test('a server renders a session whose id is not made yet', () => {
  using client = createClient({ url: 'http://127.0.0.1:9' });

  const html = renderToString(createElement(Page, { client }));

  expect(shown(html)).toEqual([null, null, 'new', 0, 'idle']);
});

test('two renders give the same words', () => {
  using client = createClient({ url: 'http://127.0.0.1:9' });
  const page = createElement(Page, { client, id: 'twice' });

  expect(renderToString(page)).toBe(renderToString(page));
});
