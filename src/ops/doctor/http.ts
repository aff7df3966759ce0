import { once } from 'node:events';
import { request } from 'undici';

interface Asked {
  headers?: Record<string, string>;
  timeoutMs: number;
  maxBytes: number;
}

/** A whole answer. A redirect is not followed. Rejects when nobody answers in time, or with more than is taken. */
export async function fetchText(url: string, asked: Asked): Promise<{ status: number; text: string }> {
  const { headers = {}, timeoutMs, maxBytes } = asked;
  const signal = AbortSignal.timeout(timeoutMs);
  const late = once(signal, 'abort').then(() => Promise.reject(signal.reason));
  // an address that takes no connection is waited for longer than the signal says
  const { statusCode, body } = await Promise.race([request(url, { headers, signal }), late]);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    // leaving the loop ends the connection
    if (size > maxBytes) throw new Error(`the answer has more than ${maxBytes} bytes`);
    chunks.push(bytes);
  }
  return { status: statusCode, text: Buffer.concat(chunks).toString('utf8') };
}
