// What is measured, for those who may know it. (SAFETY.md SEC-05)
import { hash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Express } from 'express';
import { AppError } from '../errors.ts';
import { isLocal } from './address.ts';
import { onlyThese } from './rest.ts';

export interface MetricsParts {
  exposition: () => Promise<{ type: string; text: string }>;
  /** What has to be handed in; null: only this machine may ask. */
  key: string | null;
}

const digest = (text: string) => hash('sha256', text, 'buffer');

/** @throws NOT_FOUND there is no such route for whoever asks · UNAUTHENTICATED */
function mustMayAsk(req: IncomingMessage, key: string | null): void {
  if (key === null) {
    if (isLocal(req)) return;
    throw new AppError('NOT_FOUND');
  }
  const [, bearer = ''] = /^Bearer +(\S+)$/i.exec(req.headers.authorization ?? '') ?? [];
  if (!timingSafeEqual(digest(bearer), digest(key))) throw new AppError('UNAUTHENTICATED');
}

export function mountMetrics(app: Express, { exposition, key }: MetricsParts): void {
  app.get('/metrics', async (req, res) => {
    mustMayAsk(req, key);
    const { type, text } = await exposition();
    res.setHeader('Content-Type', type);
    res.end(text);
  });
  app.all('/metrics', onlyThese(['GET', 'HEAD']));
}
