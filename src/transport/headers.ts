// What every answer tells a browser, refusals too. (SAFETY.md SEC-23)
import type { ServerResponse } from 'node:http';
import helmet from 'helmet';

export type AnswerHeaders = Readonly<Record<string, string>>;

const YEAR_SECONDS = 31_536_000;

/** Of an answer that is no page: it is not kept, not framed, and nothing in it is run. A page sets its own over these. */
const plainHeaders: AnswerHeaders = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

interface HeaderOptions {
  /** The server is reached over TLS only: browsers are told to keep to it. */
  strictTransport?: boolean;
}

export function answerHeaders({ strictTransport = false }: HeaderOptions = {}): AnswerHeaders {
  if (!strictTransport) return plainHeaders;
  return { ...plainHeaders, 'Strict-Transport-Security': `max-age=${YEAR_SECONDS}` };
}

export function setHeaders(res: ServerResponse, headers: AnswerHeaders): void {
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
}

/** For the page and its files, over the plain ones: its own files, its own server, and nothing written into it is run. */
export const pageHeaders = helmet({
  strictTransportSecurity: false,
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      'default-src': ["'none'"],
      'script-src': ["'self'"],
      'style-src': ["'self'"],
      'img-src': ["'self'"],
      'connect-src': ["'self'"],
      'base-uri': ["'none'"],
      'form-action': ["'none'"],
      'frame-ancestors': ["'none'"],
      'require-trusted-types-for': ["'script'"],
      'trusted-types': ["'none'"],
    },
  },
  xFrameOptions: { action: 'deny' },
});

/** A whole answer without a body, for where there is no response to write to. */
export function bareAnswer(status: string, headers: AnswerHeaders): string {
  const all = { Connection: 'close', 'Content-Length': '0', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status}\r\n${lines.join('')}\r\n`;
}
