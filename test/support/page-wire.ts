// What a page says and hears over its sockets, and which requests it makes.
import type { Page } from 'playwright-core';

export interface PageWire {
  /** WebSockets opened since `clear`. */
  readonly sockets: number;
  /** Of the requests that are no files of the page: method and path. */
  readonly requests: readonly string[];
  /** How often an event of that name was sent or received since `clear`. */
  sent(event: string): number;
  received(event: string): number;
  /** Answers to events that were sent. */
  readonly answers: number;
  clear(): void;
}

/** `420["session:join",…` → `session:join` */
const eventOf = (payload: string | Buffer): string => /^42\d*\["([^"]+)"/.exec(String(payload))?.[1] ?? '';

const times = (events: readonly string[], event: string): number =>
  events.filter((one) => one === event).length;

/** Before the page is loaded. */
export function watchWire(page: Page): PageWire {
  const sent: string[] = [];
  const received: string[] = [];
  const requests: string[] = [];
  let sockets = 0;
  let answers = 0;
  page.on('websocket', (socket) => {
    sockets += 1;
    socket.on('framesent', ({ payload }) => sent.push(eventOf(payload)));
    socket.on('framereceived', ({ payload }) => {
      received.push(eventOf(payload));
      if (/^43\d+\[/.test(String(payload))) answers += 1;
    });
  });
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (request.resourceType() === 'fetch') requests.push(`${request.method()} ${pathname}`);
  });
  return {
    get sockets() {
      return sockets;
    },
    get answers() {
      return answers;
    },
    requests,
    sent: (event) => times(sent, event),
    received: (event) => times(received, event),
    clear() {
      sockets = 0;
      answers = 0;
      for (const list of [sent, received, requests]) list.length = 0;
    },
  };
}
