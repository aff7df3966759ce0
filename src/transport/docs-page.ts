// The contract documents and a reference page made of local files only: it works without a network and under a strict CSP.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { Express, Response } from 'express';
import { AppError } from '../errors.ts';

/** What of swagger-ui-dist is served; nothing else of the package is. */
const assets = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'] as const;
const allow = ['GET', 'HEAD', 'OPTIONS'];

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Stillpoint: reference</title>
    <link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
    <link rel="stylesheet" href="/docs/swagger-ui.css">
    <script src="/docs/swagger-ui-bundle.js" defer></script>
    <script src="/docs/start.js" defer></script>
  </head>
  <body>
    <p>REST as below and in <a href="/openapi.json">openapi.json</a>; the Socket.IO events are in <a href="/asyncapi.json">asyncapi.json</a>.</p>
    <main id="reference"></main>
    <noscript>This page needs JavaScript; the documents linked above do not.</noscript>
  </body>
</html>
`;

/** No validator badge: that would be fetched from a host on the Internet. */
const start = `SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  validatorUrl: null,
});
`;

type Serve = (response: Response) => void;

/** Swagger's page styles itself inline. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

interface Documents {
  openapi: () => object;
  asyncapi: () => object;
}

/**
 * Serves `/openapi.json`, `/asyncapi.json` and the page at `/docs`. A document is made when it is first asked for, and kept.
 * @throws METHOD_NOT_ALLOWED on other methods.
 */
export function mountDocs(app: Express, documents: Documents): void {
  const json = (make: () => object): Serve => {
    let body: string | undefined;
    return (response) => {
      body ??= JSON.stringify(make());
      response.type('json').send(body);
    };
  };
  const root = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  const asset =
    (name: string): Serve =>
    (response) =>
      response.set('Cache-Control', 'public, max-age=3600').sendFile(name, { root, cacheControl: false });

  mount(app, '/openapi.json', json(documents.openapi));
  mount(app, '/asyncapi.json', json(documents.asyncapi));
  mount(app, '/docs', (response) => {
    response.set('Content-Security-Policy', policy).type('html').send(page);
  });
  mount(app, '/docs/start.js', (response) => void response.type('js').send(start));
  for (const name of assets) mount(app, `/docs/${name}`, asset(name));
}

/** GET and HEAD serve, OPTIONS says so, everything else is refused. */
function mount(app: Express, path: string, serve: Serve): void {
  app.all(path, (request, response) => {
    if (request.method === 'GET' || request.method === 'HEAD') return serve(response);
    if (request.method !== 'OPTIONS') throw new AppError('METHOD_NOT_ALLOWED', { allow });
    response.set('Allow', allow.join(', ')).status(204).end();
  });
}
