// The real server with the built-in guide in a directory of its own: needs no Ollama and, unless told otherwise, no time.
import { startServer, tempDir } from './server-process.ts';
import type { ServerProcess } from './server-process.ts';

export interface GuideServer extends AsyncDisposable {
  readonly process: ServerProcess;
  readonly url: string;
  readonly port: number;
}

/** Disposing kills it and removes its data. */
export async function startGuide(env: Record<string, string> = {}): Promise<GuideServer> {
  const stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const settings = { MODEL: 'guide', GUIDE_WORD_MS: '0', ...env };
  const server = stack.use(await startServer({ dataDir: dir.path, env: settings }));
  return {
    process: server,
    url: server.url,
    port: server.port,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
