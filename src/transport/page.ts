// The files of the pages: at `/` for everybody, at `/admin` for operators.
import { existsSync, readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import express from 'express';
import type { Express, RequestHandler } from 'express';
import { AppError } from '../errors.ts';
import { pageHeaders } from './headers.ts';
import { onlyThese } from './rest.ts';

/** Names under here hold a hash of their content. */
const HASHED = '/assets/';
const YEAR_SECONDS = 31_536_000;
const notBuilt = 'The page is not built. Run: npm run build\n';

const filesOf = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `/${relative(directory, join(entry.parentPath, entry.name)).split(sep).join('/')}`)
    .filter((path) => !path.startsWith('/.'));

/** Hands out `name.br` for `name` where both sides have it. */
function compressed(files: ReadonlySet<string>): RequestHandler {
  return (req, res, next) => {
    const path = req.path === '/' ? '/index.html' : req.path;
    if (files.has(`${path}.br`)) {
      res.vary('Accept-Encoding');
      if (req.acceptsEncodings('br')) {
        req.url = `${path}.br`;
        res.set('Content-Encoding', 'br').type(path.slice(path.lastIndexOf('.')));
      }
    }
    next();
  };
}

/** `index.html` is `at`, its other files lie below. Without a page, `at` says how to get it; everything else of the server works. */
export function mountPage(app: Express, directory: string, at = '/'): void {
  if (!existsSync(join(directory, 'index.html'))) {
    app.get(at, (_req, res) => void res.status(503).type('text').send(notBuilt));
    app.all(at, onlyThese(['GET', 'HEAD']));
    return;
  }
  const files = new Set(filesOf(directory));
  const serve = express.static(directory, {
    dotfiles: 'ignore',
    redirect: false,
    setHeaders: (res, path) => {
      const isHashed = path.startsWith(join(directory, HASHED));
      res.setHeader('Cache-Control', isHashed ? `public, max-age=${YEAR_SECONDS}, immutable` : 'no-cache');
    },
  });
  app.use(at, (req, res, next) => {
    if (req.method !== 'GET' && req.method !== 'HEAD') return next();
    // a newer build may have taken it away; what is answered instead is not compressed
    const isOurs = files.has(req.path === '/' ? '/index.html' : req.path);
    const absent = () => {
      for (const header of ['Content-Encoding', 'Content-Type']) res.removeHeader(header);
      next(isOurs ? new AppError('NOT_FOUND') : undefined);
    };
    // by its name: what serves the files takes an `at` without a slash at its end for a directory
    if (req.path === '/') req.url = '/index.html';
    if (isOurs) pageHeaders(req, res, () => {});
    compressed(files)(req, res, () => serve(req, res, absent));
  });
  const below = [...files].map((path) => (at === '/' ? path : `${at}${path}`));
  for (const path of [at, ...below]) app.all(path, onlyThese(['GET', 'HEAD']));
}
